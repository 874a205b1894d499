// SPDX-License-Identifier: Apache-2.0
// Collects field violations under a dotted path; the ranges of job_validator in readable calls. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"

namespace attune {

// Numbers of a range in the error's words: "(0, 1000]".
struct NumberRange {
  double low = 0, high = 0;
  bool low_open = false, high_open = false;
};

class FieldChecks {
 public:
  void Add(std::string_view field, std::string_view description);

  // NaN and infinities are outside of every range.
  void Number(std::string_view field, double value, const NumberRange& range);
  void Integer(std::string_view field, int64_t value, int64_t low, int64_t high);
  // False, and one violation, when a list has more entries than that.
  bool Count(std::string_view field, int entries, int most);
  void AtLeast(std::string_view field, int64_t value, int64_t low);

  // A required resource name: "datasets/{dataset}".
  void Reference(std::string_view field, std::string_view collection, const std::string& name);

  // Text for people: valid characters, none of which control a terminal or the writing direction.
  void DisplayText(std::string_view field, const std::string& text, int max_characters);

  void Pairs(std::string_view field, const google::protobuf::Map<std::string, std::string>& pairs,
             int max_pairs, int max_bytes);

  void Duration(std::string_view field, const google::protobuf::Duration& duration,
                int64_t low_seconds, int64_t high_seconds);

  std::vector<FieldViolation> Take() { return std::move(violations_); }

 private:
  std::vector<FieldViolation> violations_;
};

// Printable ASCII of a text, cut; for the words after "got".
std::string Echo(std::string_view text);

}  // namespace attune
