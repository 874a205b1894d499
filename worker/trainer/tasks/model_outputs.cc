// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/model_outputs.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "formats/weights/problem_type.h"

namespace attune {
namespace {

absl::Status Refused(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, message);
}

}  // namespace

int64_t OutputsOf(const std::string& kind, const std::vector<std::string>& labels) {
  return kind == "number" ? 1 : static_cast<int64_t>(labels.size());
}

absl::Status CheckOutputs(const ModelOutputs& model, const std::string& work,
                          const std::string& kind, const std::vector<std::string>& labels) {
  if (model.count != OutputsOf(kind, labels)) {
    return Refused("INVALID_MODEL",
                   absl::StrCat("The model has a classifier of ", model.count, " outputs, and ",
                                work, " needs one of ", OutputsOf(kind, labels),
                                ". Name a fine-tuned model and its labels."));
  }
  if (kind != "number" && !model.labels.empty() && model.labels != labels) {
    return Refused("INVALID_MODEL",
                   absl::StrCat("The model's labels are ", absl::StrJoin(model.labels, ", "),
                                ", and the job has ", absl::StrJoin(labels, ", "),
                                ". Give the job the model's, in their order."));
  }
  if (!model.problem_type.empty() && model.problem_type != ProblemOfKind(kind)) {
    return Refused(
        "INVALID_DATASET",
        absl::StrCat("The model was trained for ", model.problem_type, ", and the labels are of ",
                     "the kind for ", ProblemOfKind(kind),
                     ". Set label_kind of the dataset to what the model was trained on."));
  }
  return absl::OkStatus();
}

}  // namespace attune
