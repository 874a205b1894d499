// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/label_tally.h"

#include <algorithm>
#include <utility>

#include "formats/datasets/label_order.h"

namespace attune {

void LabelTally::Add(const LabelledExample& example) {
  ++rows_;
  if (summary_.kind == "number") AddTarget(example.target);
  if (summary_.kind == "multi" && example.labels.empty()) ++summary_.unlabelled;
  for (const std::string& label : example.labels) AddClass(label, example.line);
}

void LabelTally::AddClass(const std::string& label, int64_t line) {
  const auto found = counts_.find(label);
  if (found != counts_.end()) {
    ++found->second.count;
  } else if (counts_.size() < kMaxClasses) {
    counts_.insert({label, {label, 1, line}});
  } else {
    too_many_ = true;
  }
}

void LabelTally::AddTarget(double target) {
  if (!summary_.targets.has_value()) summary_.targets = {target, target, 0};
  TargetRange& range = *summary_.targets;
  range.min = std::min(range.min, target);
  range.max = std::max(range.max, target);
  // Not a sum, nor a difference: both can overflow.
  const auto rows = static_cast<double>(rows_);
  range.mean += target / rows - range.mean / rows;
}

LabelSummary LabelTally::Summary(const std::vector<std::string>& classes) const {
  LabelSummary summary = summary_;
  std::vector<std::string> others;
  for (const auto& [label, count] : counts_) {
    if (std::find(classes.begin(), classes.end(), label) == classes.end()) others.push_back(label);
  }
  std::vector<std::string> names = classes;
  for (std::string& name : InClassOrder(std::move(others))) names.push_back(std::move(name));
  for (std::string& name : names) {
    const auto found = counts_.find(name);
    summary.classes.push_back(found == counts_.end() ? LabelCount{std::move(name), 0, 0}
                                                     : found->second);
  }
  return summary;
}

}  // namespace attune
