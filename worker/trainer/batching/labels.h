// SPDX-License-Identifier: Apache-2.0
// What the rows of a dataset are labelled with, by example in file order. Immutable once made.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/datasets/labelled_text.h"

namespace attune {

class Labels {
 public:
  // `kind` is that of the DatasetSpec the examples were read with; `names` are the job's classes.
  // INVALID_ARGUMENT/INVALID_DATASET names the origin of a class that is not one of them: where
  // the i-th example is, or, without `origin`, its line.
  static absl::StatusOr<Labels> Make(const std::string& kind,
                                     const std::vector<LabelledExample>& examples,
                                     const std::vector<std::string>& names,
                                     const std::function<std::string(size_t i)>& origin = nullptr);

  // Those of some examples, in this order.
  Labels Select(absl::Span<const int64_t> examples) const;

  int64_t size() const { return static_cast<int64_t>(values_.size()); }
  // "single": one; "multi": any number, rising; else none.
  absl::Span<const int32_t> classes(int64_t i) const {
    const auto at = static_cast<size_t>(i);
    return absl::MakeConstSpan(classes_).subspan(offsets_[at], offsets_[at + 1] - offsets_[at]);
  }
  double value(int64_t i) const { return values_[static_cast<size_t>(i)]; }  // "number"; else 0

 private:
  std::vector<int32_t> classes_;
  std::vector<size_t> offsets_ = {0};
  std::vector<double> values_;
};

}  // namespace attune
