// SPDX-License-Identifier: Apache-2.0
// The model and datasets that a job's spec refers to, as they are now.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/job_spec.pb.h"
#include "attune/v1/model.pb.h"
#include "server/store/inputs_table.h"

namespace attune {

struct JobInputRows {
  v1::Model model;
  std::optional<v1::Dataset> train, eval;  // of a FineTune
  std::optional<v1::Dataset> test;         // of a FineTune, or what Evaluate or Predict reads

  // One of them is not checked yet.
  bool checking() const;
  // The bad result that an INVALID one gives without looking at the job.
  std::optional<CheckRecord> Refused() const;

 private:
  std::vector<const v1::Dataset*> datasets() const;
};

absl::StatusOr<JobInputRows> ReadJobInputRows(const Snapshot& snapshot, const v1::JobSpec& spec);

}  // namespace attune
