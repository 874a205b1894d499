// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/label_rules.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "formats/datasets/label_order.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr int64_t kMaxLabelCharacters = 200;

bool Refuse(Problem* problem, std::string message, std::string remedy) {
  problem->message = std::move(message);
  problem->remedy = std::move(remedy);
  return false;
}

bool HasControlCharacter(const std::string& label) {
  return std::any_of(label.begin(), label.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
}

// Fit to name a class.
bool CheckName(const std::string& label, Problem* problem) {
  if (CountCharacters(label) > kMaxLabelCharacters) {
    return Refuse(problem,
                  absl::StrCat("the label has ", CountCharacters(label), " characters; at most ",
                               kMaxLabelCharacters, " are allowed"),
                  "Check which column holds the label.");
  }
  if (HasControlCharacter(label)) {
    return Refuse(problem,
                  absl::StrCat("the label '", Printable(label), "' holds a control character"),
                  "Remove it.");
  }
  return true;
}

std::vector<std::string> KeysOf(const std::map<std::string, std::string>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return InClassOrder(std::move(keys));
}

}  // namespace

LabelRules::LabelRules(const DatasetSpec& spec) : spec_(spec), known_(KeysOf(spec.label_names)) {}

std::vector<std::string> LabelRules::Split(std::string_view field) const {
  const absl::string_view text(field.data(), field.size());
  if (!takes_several()) return {std::string(field)};
  if (IsBlank(field)) return {};
  return absl::StrSplit(text, spec_.label_separator);
}

bool LabelRules::Apply(LabelledExample* example, Problem* problem) const {
  if (takes_number()) return Number(example, problem);
  if (takes_text()) return Translation(example, problem);
  for (std::string& label : example->labels) {
    if (!Name(&label, problem)) return false;
  }
  std::vector<std::string> sorted = example->labels;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return true;
  return Refuse(problem, absl::StrCat("the row has the label '", Printable(*twice), "' twice"),
                "Name each of its labels once.");
}

bool LabelRules::Name(std::string* label, Problem* problem) const {
  if (IsBlank(*label)) {
    return Refuse(problem, "the label is empty", "Give the row a label, or remove it.");
  }
  if (spec_.label_names.empty()) return CheckName(*label, problem);
  const auto found = spec_.label_names.find(*label);
  if (found == spec_.label_names.end()) {
    return Refuse(problem,
                  absl::StrCat("label '", Printable(*label),
                               "' is not in label_names, which has: ", NameList(known_)),
                  "Correct the row, or add the label to label_names.");
  }
  *label = found->second;
  return true;
}

bool LabelRules::Number(LabelledExample* example, Problem* problem) const {
  const std::string text = example->labels.front();
  example->labels.clear();
  if (!absl::SimpleAtod(text, &example->target)) {
    return Refuse(problem,
                  absl::StrCat("expected a number as label, found '", Printable(text), "'"),
                  "Write one number, like 3.5, or choose another label kind.");
  }
  if (!std::isfinite(example->target)) {
    return Refuse(problem, absl::StrCat("the label '", Printable(text), "' is not a finite number"),
                  "Write a number within the range of double precision, or remove the row.");
  }
  return true;
}

bool LabelRules::Translation(LabelledExample* example, Problem* problem) const {
  example->translation = std::move(example->labels.front());
  example->labels.clear();
  if (!IsBlank(example->translation)) return true;
  return Refuse(problem, "the translation is empty",
                "Give the row a translation, or remove it; see whether the two sides are aligned.");
}

std::vector<FieldViolation> CheckLabelSpec(const DatasetSpec& spec) {
  std::vector<FieldViolation> violations;
  const std::string& kind = spec.label_kind;
  if (kind != "single" && kind != "multi" && kind != "number" && kind != "text" && kind != "none") {
    violations.push_back(
        {"label_kind",
         absl::StrCat("must be single, multi, number, text or none, got '", Printable(kind), "'")});
  }
  if (kind == "multi" && (FindInvalidUtf8(spec.label_separator) != std::string_view::npos ||
                          CountCharacters(spec.label_separator) != 1)) {
    violations.push_back({"label_separator", absl::StrCat("must be one character, got '",
                                                          Printable(spec.label_separator), "'")});
  }
  if ((kind == "number" || kind == "text") && !spec.label_names.empty()) {
    violations.push_back({"label_names", absl::StrCat("has no meaning for ", kind, "s")});
  }
  for (const auto& [label, name] : spec.label_names) {
    Problem problem;
    const bool blank = IsBlank(name);
    if (blank || !CheckName(name, &problem)) {
      violations.push_back({absl::StrCat("label_names.", Printable(label)),
                            blank ? "a class name must not be empty" : problem.message});
    }
  }
  return violations;
}

}  // namespace attune
