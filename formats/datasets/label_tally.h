// SPDX-License-Identifier: Apache-2.0
// What the labels of many rows are, counted. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "formats/datasets/labelled_text.h"

namespace attune {

inline constexpr size_t kMaxClasses = 1000;

struct LabelCount {
  std::string label;
  int64_t count = 0;       // rows that have it
  int64_t first_line = 0;  // where it appears first; 0: nowhere
};

struct TargetRange {
  double min = 0, max = 0, mean = 0;
};

struct LabelSummary {
  std::string kind = "single";         // as DatasetSpec.label_kind
  std::vector<LabelCount> classes;     // those asked for, then others as label_order.h says
  int64_t unlabelled = 0;              // "multi": rows without any class
  std::optional<TargetRange> targets;  // "number", when there is a row
};

class LabelTally {
 public:
  explicit LabelTally(std::string kind) { summary_.kind = std::move(kind); }

  void Add(const LabelledExample& example);

  // There are more classes than kMaxClasses; those past them were not counted.
  bool too_many() const { return too_many_; }

  // `classes`, in the order of their ids, are in the summary even where no row has them.
  LabelSummary Summary(const std::vector<std::string>& classes = {}) const;

 private:
  void AddClass(const std::string& label, int64_t line);
  void AddTarget(double target);

  LabelSummary summary_;  // its classes are made at the end
  absl::flat_hash_map<std::string, LabelCount> counts_;
  int64_t rows_ = 0;
  bool too_many_ = false;
};

}  // namespace attune
