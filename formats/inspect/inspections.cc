// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/inspections.h"

#include "base/errors.h"

namespace attune {

absl::StatusOr<std::string> Inspect(const InspectRequest& request) {
  if (const auto* dataset = std::get_if<DatasetSpec>(&request)) {
    ATTUNE_ASSIGN_OR_RETURN(const DatasetReport report, ReportDataset(*dataset));
    return ToJson(report);
  }
  if (const auto* model = std::get_if<ModelRequest>(&request)) {
    return ToJson(InspectModel(model->dir));
  }
  ATTUNE_ASSIGN_OR_RETURN(const JobReport report, InspectJob(std::get<JobRequest>(request)));
  return ToJson(report);
}

}  // namespace attune
