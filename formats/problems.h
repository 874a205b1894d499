// SPDX-License-Identifier: Apache-2.0
// What is wrong with a file somebody handed us, told all at once: the first 100 problems and how
// many there were. Every problem says where, what was expected and found, and what to do about it.
// A value type; not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace attune {

struct Problem {
  std::string where;   // "config.json", "train", "eval"; empty where one file is meant
  int64_t line = 0;    // from 1; 0: the whole file
  int64_t column = 0;  // in characters (Unicode code points), from 1; 0: the whole line
  std::string message;
  std::string remedy;  // one sentence

  bool operator==(const Problem&) const = default;
};

// "train:7:3: message. remedy"
std::string ToText(const Problem& problem);

class Problems {
 public:
  static constexpr size_t kKept = 100;

  void Add(Problem problem);
  void Add(std::string message, std::string remedy) { Add({"", 0, 0, message, remedy}); }
  // Takes over all of `other`; `where` fills in what has none.
  void Merge(const Problems& other, std::string_view where = "");

  // Puts `outer` before every place: "train", and "a/1.png" becomes "train: a/1.png".
  void PlaceIn(std::string_view outer);

  bool empty() const { return count_ == 0; }
  int64_t count() const { return count_; }
  const std::vector<Problem>& first() const { return first_; }

  // OK when there are none; else INVALID_ARGUMENT with `reason` (a name of attune.v1.ErrorReason),
  // "`what` is not usable (3 problems): …", listing up to five.
  absl::Status ToStatus(std::string_view reason, std::string_view what) const;

 private:
  std::vector<Problem> first_;
  int64_t count_ = 0;
};

}  // namespace attune
