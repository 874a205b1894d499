// SPDX-License-Identifier: Apache-2.0
#include "server/inspection/job_input_rows.h"

#include <string>

#include "base/errors.h"
#include "base/resource_name.h"
#include "server/inspection/inspection_messages.h"

namespace attune {
namespace {

absl::StatusOr<v1::Dataset> ReadDataset(const Snapshot& snapshot, const std::string& name) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("datasets", name));
  return GetDataset(snapshot, id);
}

}  // namespace

std::vector<const v1::Dataset*> JobInputRows::datasets() const {
  std::vector<const v1::Dataset*> all = {&train};
  if (eval) all.push_back(&*eval);
  if (test) all.push_back(&*test);
  return all;
}

bool JobInputRows::checking() const {
  bool found = model.state() == v1::Model::CHECKING;
  for (const v1::Dataset* dataset : datasets()) {
    found = found || dataset->state() == v1::Dataset::CHECKING;
  }
  return found;
}

std::optional<CheckRecord> JobInputRows::Refused() const {
  if (model.state() == v1::Model::INVALID) {
    return RefusedCheck(model.name(), "is INVALID: " + model.error_message());
  }
  for (const v1::Dataset* dataset : datasets()) {
    if (dataset->state() == v1::Dataset::INVALID) {
      return RefusedCheck(dataset->name(), "is INVALID: " + dataset->error_message());
    }
  }
  return std::nullopt;
}

absl::StatusOr<JobInputRows> ReadJobInputRows(const Snapshot& snapshot, const v1::FineTune& tune) {
  JobInputRows rows;
  ATTUNE_ASSIGN_OR_RETURN(const std::string model, ParseResourceName("models", tune.base_model()));
  ATTUNE_ASSIGN_OR_RETURN(rows.model, GetModel(snapshot, model));
  ATTUNE_ASSIGN_OR_RETURN(rows.train, ReadDataset(snapshot, tune.train_dataset()));
  if (!tune.eval_dataset().empty()) {
    ATTUNE_ASSIGN_OR_RETURN(rows.eval, ReadDataset(snapshot, tune.eval_dataset()));
  }
  if (!tune.test_dataset().empty()) {
    ATTUNE_ASSIGN_OR_RETURN(rows.test, ReadDataset(snapshot, tune.test_dataset()));
  }
  return rows;
}

}  // namespace attune
