// SPDX-License-Identifier: Apache-2.0
#include "server/session/lease_deadlines.h"

#include <utility>

namespace attune {

void LeaseDeadlines::Add(int64_t fence, LiveLease lease, absl::Duration now) {
  lease.deadline = now + ttl_;
  // Nobody ticks while there is no lease: that is no gap.
  if (leases_.empty()) last_tick_ = now;
  leases_[fence] = std::move(lease);
}

void LeaseDeadlines::Renew(int64_t fence, absl::Duration now) {
  LiveLease* lease = Find(fence);
  if (lease == nullptr) return;
  lease->deadline = now + ttl_;
  lease->lapsed = false;
}

LiveLease* LeaseDeadlines::Find(int64_t fence) {
  const auto found = leases_.find(fence);
  return found == leases_.end() ? nullptr : &found->second;
}

std::vector<int64_t> LeaseDeadlines::OfWorker(std::string_view worker_id) const {
  std::vector<int64_t> fences;
  for (const auto& [fence, lease] : leases_) {
    if (lease.worker_id == worker_id) fences.push_back(fence);
  }
  return fences;
}

void LeaseDeadlines::TellAgain(int64_t fence) {
  if (LiveLease* lease = Find(fence)) lease->lapsed = lease->over_limit = false;
}

LeaseDeadlines::Due LeaseDeadlines::Tick(absl::Duration now) {
  Due due;
  const absl::Duration since_last = now - last_tick_;
  if (since_last > kTick + kToleratedGap) {
    for (auto& [fence, lease] : leases_) lease.deadline += since_last;
  }
  last_tick_ = now;
  for (auto& [fence, lease] : leases_) {
    if (!lease.lapsed && lease.deadline <= now) {
      lease.lapsed = true;
      due.lapsed.push_back(fence);
    }
    if (!lease.over_limit && lease.time_limit <= now) {
      lease.over_limit = true;
      due.over_limit.push_back(fence);
    }
  }
  return due;
}

}  // namespace attune
