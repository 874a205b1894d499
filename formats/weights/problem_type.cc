// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/problem_type.h"

#include "absl/strings/str_cat.h"

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

void ReadProblemType(ConfigReader& reader, std::string* out) {
  const ConfigReader::Json* type = reader.Find("problem_type");
  if (type == nullptr) return;
  for (const char* known :
       {"single_label_classification", "multi_label_classification", "regression"}) {
    if (*type == known) *out = known;
  }
  if (!out->empty()) return;
  reader.Refuse(absl::StrCat("problem_type ", ConfigReader::Text(*type),
                             " is not supported; supported: single_label_classification, "
                             "multi_label_classification, regression"),
                "Correct or remove problem_type.");
}

}  // namespace attune
