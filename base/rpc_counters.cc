// SPDX-License-Identifier: Apache-2.0
#include "base/rpc_counters.h"

#include <algorithm>

namespace attune {

const std::vector<double>& RpcCounters::Bounds() {
  static const std::vector<double> bounds = {0.001, 0.004, 0.016, 0.064, 0.25, 1, 4, 16, 60};
  return bounds;
}

void RpcCounters::Declare(std::string_view method) {
  absl::MutexLock lock(&mutex_);
  Method& entry = data_.methods[std::string(method)];
  entry.handled[0] = 0;
  entry.seconds_counts.assign(Bounds().size() + 1, 0);
}

void RpcCounters::Started(std::string_view method) {
  absl::MutexLock lock(&mutex_);
  // Only declared methods get a series: a caller cannot make new ones.
  if (auto it = data_.methods.find(std::string(method)); it != data_.methods.end()) {
    ++it->second.started;
  }
}

void RpcCounters::Handled(std::string_view method, int code, double seconds) {
  absl::MutexLock lock(&mutex_);
  auto it = data_.methods.find(std::string(method));
  if (it == data_.methods.end()) return;
  ++it->second.handled[code];
  it->second.seconds_sum += seconds;
  const auto bucket = std::lower_bound(Bounds().begin(), Bounds().end(), seconds);
  ++it->second.seconds_counts[static_cast<size_t>(bucket - Bounds().begin())];
}

void RpcCounters::AddWatchStreams(int delta) {
  absl::MutexLock lock(&mutex_);
  data_.watch_streams += delta;
}

void RpcCounters::Caught() {
  absl::MutexLock lock(&mutex_);
  ++data_.caught;
}

RpcCounters::Snapshot RpcCounters::Take() const {
  absl::MutexLock lock(&mutex_);
  return data_;
}

}  // namespace attune
