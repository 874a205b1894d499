// SPDX-License-Identifier: Apache-2.0
// What a row's label may be, and what it means: the part of reading that all formats share.
// Internal to formats/datasets; see labelled_text.h for the rules. Immutable.
#pragma once

#include <string>
#include <vector>

#include "base/errors.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/labelled_text.h"

namespace attune {

class LabelRules {
 public:
  explicit LabelRules(const DatasetSpec& spec);  // borrowed

  bool reads_column() const { return spec_.label_kind != "none"; }
  bool takes_several() const { return spec_.label_kind == "multi"; }
  bool takes_number() const { return spec_.label_kind == "number"; }
  bool takes_text() const { return spec_.label_kind == "text"; }

  // A field of CSV or TSV as the labels it holds.
  std::vector<std::string> Split(std::string_view field) const;

  // Turns `example->labels` from what the file has into class names, the target or the translation.
  // False: it means nothing, and message and remedy of `problem` say why.
  bool Apply(LabelledExample* example, Problem* problem) const;

 private:
  bool Name(std::string* label, Problem* problem) const;
  bool Number(LabelledExample* example, Problem* problem) const;
  bool Translation(LabelledExample* example, Problem* problem) const;

  const DatasetSpec& spec_;
  std::vector<std::string> known_;  // keys of label_names
};

// What of the spec's label makes no sense.
std::vector<FieldViolation> CheckLabelSpec(const DatasetSpec& spec);

}  // namespace attune
