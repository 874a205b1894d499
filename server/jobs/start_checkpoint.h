// SPDX-License-Identifier: Apache-2.0
// FineTune.start_checkpoint: which checkpoint of which job it means, and whether this job can begin
// with its weights. Reads, writes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/job_spec.pb.h"
#include "base/errors.h"
#include "server/jobs/field_checks.h"
#include "server/jobs/job_inputs.h"
#include "server/store/store.h"

namespace attune {

// The job whose weights another one starts with.
struct StartOrigin {
  std::string job;                     // "jobs/{job}"
  v1::JobSpec spec;                    // a complete FineTune
  std::optional<v1::Dataset> dataset;  // its training rows, where they are still known
};

// What is wrong with it whatever the tables hold. Pure.
void CheckStartReference(const v1::CheckpointRef& start, FieldChecks& checks);

// Puts step and files of the checkpoint into the spec, and the base where it names none; nullopt,
// and nothing changes, where the spec has no start_checkpoint. A checkpoint marked bad counts as
// none. NOT_FOUND/RESOURCE_NOT_FOUND: there is no such job; INVALID_ARGUMENT: it keeps no such
// checkpoint.
absl::StatusOr<std::optional<StartOrigin>> ResolveStart(const Snapshot& snapshot,
                                                        v1::JobSpec& spec);

// What of a complete, resolved spec differs from its origin and may not: base, method and its
// shape, labels. Datasets that are still CHECKING have no labels yet; then the trainer compares.
std::vector<FieldViolation> CheckStart(const v1::JobSpec& spec, const JobInputs& inputs,
                                       const StartOrigin& origin);

}  // namespace attune
