// SPDX-License-Identifier: Apache-2.0
// The rows that a spec refers to, read together, and the key of what their check depends on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/job_spec.pb.h"
#include "attune/v1/model.pb.h"
#include "server/store/store.h"

namespace attune {

struct JobInputs {
  v1::Model model;                   // what is tuned, measured, or predicts
  std::optional<v1::Model> compare;  // Evaluate: the untuned base beside it
  std::optional<v1::Dataset> train, eval;
  std::optional<v1::Dataset> test;  // of a FineTune; or the rows that Evaluate or Predict reads
  // What the model was trained on, where a job of this server made it.
  std::optional<v1::LabelKind> model_label_kind;

  // Those that there are, in the order train, eval, test.
  std::vector<const v1::Dataset*> datasets() const;
  // A model or dataset of it is still CHECKING.
  bool checking() const;
  // FAILED_PRECONDITION/INPUT_NOT_READY for the first INVALID one, with its first error.
  absl::Status RefuseInvalid() const;
};

// NOT_FOUND/RESOURCE_NOT_FOUND naming the first that does not exist.
absl::StatusOr<JobInputs> ReadInputs(const Snapshot& snapshot, const v1::JobSpec& spec);

// "models/{model}" that is tuned, measured, or predicts.
const std::string& ModelNameOf(const v1::JobSpec& spec);
// "datasets/{dataset}" that the work is mainly about.
const std::string& DatasetNameOf(const v1::JobSpec& spec);

// What the labels of a dataset are; the default where its columns do not say.
v1::LabelKind LabelKindOf(const v1::Dataset& dataset);

// Equal keys: the same bytes are read the same way for the same work with the same memory, so one
// check serves all.
std::string CheckKey(const JobInputs& inputs, const v1::JobSpec& spec);

}  // namespace attune
