// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/label_order.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace attune {
namespace {

// The value of a label that is an integer as one writes it: no sign but '-', no leading zero.
bool CanonicalInteger(const std::string& label, int64_t* value) {
  return absl::SimpleAtoi(label, value) && absl::StrCat(*value) == label;
}

}  // namespace

std::vector<std::string> InClassOrder(std::vector<std::string> labels) {
  int64_t value = 0;
  const bool integers = std::all_of(labels.begin(), labels.end(), [&value](const std::string& l) {
    return CanonicalInteger(l, &value);
  });
  std::sort(labels.begin(), labels.end(), [integers](const std::string& a, const std::string& b) {
    int64_t x = 0, y = 0;
    if (integers && CanonicalInteger(a, &x) && CanonicalInteger(b, &y)) return x < y;
    return a < b;
  });
  return labels;
}

}  // namespace attune
