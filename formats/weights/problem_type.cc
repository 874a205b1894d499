// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/problem_type.h"

namespace attune {

std::string KindOfProblem(std::string_view problem_type, int64_t outputs) {
  if (problem_type == "multi_label_classification") return "multi";
  if (problem_type == "regression" || (problem_type.empty() && outputs == 1)) return "number";
  return "single";
}

std::string ProblemOfKind(std::string_view kind) {
  if (kind == "multi") return "multi_label_classification";
  return kind == "number" ? "regression" : "single_label_classification";
}

}  // namespace attune
