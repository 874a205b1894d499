// SPDX-License-Identifier: Apache-2.0
// Messages over a stream socket: u32 little-endian length, then that many bytes. Length 0 and above
// kMaxFrameBytes are errors. Reading and writing may each be used by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace attune {

inline constexpr uint32_t kMaxFrameBytes = 16 << 20;

class FramedPipe {
 public:
  explicit FramedPipe(int fd) : fd_(fd) {}  // owns fd
  ~FramedPipe();
  FramedPipe(const FramedPipe&) = delete;
  FramedPipe& operator=(const FramedPipe&) = delete;

  absl::Status Write(std::string_view frame);  // blocks until written; no SIGPIPE
  // Blocks. OUT_OF_RANGE: the peer closed between frames; DATA_LOSS: within one.
  absl::StatusOr<std::string> Read();
  void ShutDown();  // wakes a blocked Read; from any thread
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Both ends close-on-exec.
absl::StatusOr<std::pair<int, int>> MakeSocketPair();

}  // namespace attune
