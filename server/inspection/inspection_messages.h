// SPDX-License-Identifier: Apache-2.0
// The requests that attune-inspect is given and what is read from its reports, as JSON
// (formats/inspect/request.h and report.h are the other side). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/job_spec.pb.h"
#include "attune/v1/model.pb.h"
#include "server/store/inputs_table.h"

namespace attune {

// A dataset row and where its bytes lie.
struct DatasetFile {
  v1::Dataset dataset;
  std::string path;
};

std::string DatasetRequestJson(const DatasetFile& file);
std::string ModelRequestJson(std::string_view dir);

struct JobCheckInputs {
  std::string model_dir, model_type;
  std::optional<DatasetFile> train, eval;  // of a FineTune
  std::optional<DatasetFile> test;         // of a FineTune, or what Evaluate or Predict reads
};
std::string JobRequestJson(const JobCheckInputs& inputs, const v1::JobSpec& spec);

// Fill in the result. INTERNAL when the text is not a report: as if the inspector had crashed.
absl::Status ApplyDatasetReport(std::string_view json, v1::Dataset& dataset);
absl::Status ApplyModelReport(std::string_view json, v1::Model& model);
absl::StatusOr<CheckRecord> ReadJobReport(std::string_view json);

// A report that says why a job cannot be checked at all, in the form of the inspector's own.
CheckRecord RefusedCheck(std::string_view where, std::string_view message);

}  // namespace attune
