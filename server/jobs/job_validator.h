// SPDX-License-Identifier: Apache-2.0
// What is wrong with a CreateJob request, whatever else the server holds. Pure: no table is read;
// whether a dataset exists, and what its labels are, is job_draft's question.
#pragma once

#include <string>
#include <vector>

#include "attune/v1/job_service.pb.h"
#include "base/errors.h"

namespace attune {

// Every violation at once, with dotted paths ("job.spec.fine_tune.hyperparameters.epochs"), limit
// and what was got. Empty: the request is sound.
std::vector<FieldViolation> ValidateJob(const v1::CreateJobRequest& request);

// SHA-256 of the request's canonical form, request_id and validate_only left out: equal for equal
// requests.
std::string RequestDigest(const v1::CreateJobRequest& request);

// "text_classification", "image_classification", "translation": the task's name in metrics and in a
// worker's inventory. Of a complete spec (job_defaults.h); an Evaluate or Predict stored before
// there was any other task is of texts.
std::string TaskName(const v1::JobSpec& spec);

// How it goes about it: "full", "lora", "head", "partial"; "evaluate", "predict".
std::string MethodName(const v1::JobSpec& spec);

}  // namespace attune
