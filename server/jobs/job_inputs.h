// SPDX-License-Identifier: Apache-2.0
// The rows that a spec refers to, read together, and the key of what their check depends on.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/job_spec.pb.h"
#include "attune/v1/model.pb.h"
#include "server/store/store.h"

namespace attune {

struct JobInputs {
  v1::Model base;
  v1::Dataset train;
  std::optional<v1::Dataset> eval, test;

  // A model or dataset of it is still CHECKING.
  bool checking() const;
  // FAILED_PRECONDITION/INPUT_NOT_READY for the first INVALID one, with its first error.
  absl::Status RefuseInvalid() const;
};

// NOT_FOUND/RESOURCE_NOT_FOUND naming the first that does not exist.
absl::StatusOr<JobInputs> ReadInputs(const Snapshot& snapshot, const v1::FineTune& tune);

// Equal keys: the same bytes are read the same way for the same task, so one check serves all.
std::string CheckKey(const JobInputs& inputs, const v1::FineTune& tune);

}  // namespace attune
