// SPDX-License-Identifier: Apache-2.0
#include "server/inspection/job_input_rows.h"

#include <string>

#include "base/errors.h"
#include "base/resource_name.h"
#include "server/inspection/inspection_messages.h"

namespace attune {
namespace {

absl::StatusOr<std::optional<v1::Dataset>> ReadIfNamed(const Snapshot& snapshot,
                                                       const std::string& name) {
  if (name.empty()) return std::nullopt;
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("datasets", name));
  return GetDataset(snapshot, id);
}

// The names that a spec refers to; empty where there is none.
struct InputNames {
  std::string model, train, eval, test;
};

InputNames NamesIn(const v1::JobSpec& spec) {
  if (spec.has_evaluate())
    return {.model = spec.evaluate().model(), .test = spec.evaluate().dataset()};
  if (spec.has_predict())
    return {.model = spec.predict().model(), .test = spec.predict().dataset()};
  const v1::FineTune& tune = spec.fine_tune();
  return {tune.base_model(), tune.train_dataset(), tune.eval_dataset(), tune.test_dataset()};
}

}  // namespace

std::vector<const v1::Dataset*> JobInputRows::datasets() const {
  std::vector<const v1::Dataset*> all;
  for (const std::optional<v1::Dataset>* dataset : {&train, &eval, &test}) {
    if (dataset->has_value()) all.push_back(&**dataset);
  }
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

absl::StatusOr<JobInputRows> ReadJobInputRows(const Snapshot& snapshot, const v1::JobSpec& spec) {
  const InputNames names = NamesIn(spec);
  JobInputRows rows;
  ATTUNE_ASSIGN_OR_RETURN(const std::string model, ParseResourceName("models", names.model));
  ATTUNE_ASSIGN_OR_RETURN(rows.model, GetModel(snapshot, model));
  ATTUNE_ASSIGN_OR_RETURN(rows.train, ReadIfNamed(snapshot, names.train));
  ATTUNE_ASSIGN_OR_RETURN(rows.eval, ReadIfNamed(snapshot, names.eval));
  ATTUNE_ASSIGN_OR_RETURN(rows.test, ReadIfNamed(snapshot, names.test));
  return rows;
}

}  // namespace attune
