// SPDX-License-Identifier: Apache-2.0
// What rpc and http may know of the queue without knowing the scheduler, which implements it.
// Thread-safe, answers from memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace attune {

struct QueuePlace {
  int position = 0;  // 1 is next
  int length = 0;
  std::string why;  // why it is not running now, in words
};

class QueueView {
 public:
  virtual ~QueueView() = default;
  virtual std::optional<QueuePlace> Find(std::string_view job_id) const = 0;  // nullopt: not queued
  virtual std::optional<absl::Time> OldestPending() const = 0;
};

}  // namespace attune
