// SPDX-License-Identifier: Apache-2.0
// What happened, line by line: a hash of all of it, and the last lines for whoever looks into a
// failing seed. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace attune {

class Trace {
 public:
  explicit Trace(const Clock& clock, size_t kept_lines = 400)
      : clock_(clock), kept_lines_(kept_lines) {}

  template <typename... Parts>
  void Line(const Parts&... parts) {
    std::string line = absl::StrCat(absl::ToInt64Microseconds(clock_.SinceBoot()), " ", parts...);
    for (const char byte : line) {  // FNV-1a
      hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    }
    hash_ = (hash_ ^ '\n') * 0x100000001b3u;
    tail_.push_back(std::move(line));
    if (tail_.size() > kept_lines_) tail_.pop_front();
  }

  uint64_t hash() const { return hash_; }
  std::string Tail() const {
    std::string text;
    for (const std::string& line : tail_) absl::StrAppend(&text, line, "\n");
    return text;
  }

 private:
  const Clock& clock_;
  const size_t kept_lines_;
  uint64_t hash_ = 0xcbf29ce484222325u;
  std::deque<std::string> tail_;
};

}  // namespace attune
