// SPDX-License-Identifier: Apache-2.0
// The leases of all live attempts and when each ends, in memory (lifecycle, section 1). Not
// thread-safe: it lives on the registry's executor. Times are Clock::SinceBoot.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace attune {

struct LiveLease {
  std::string job_id;
  std::string worker_id;
  bool slot_held = true;
  absl::Duration time_limit = absl::InfiniteDuration();  // when max_run_duration is over

  // Kept by LeaseDeadlines.
  absl::Duration deadline;
  bool lapsed = false;
  bool over_limit = false;
};

class LeaseDeadlines {
 public:
  // Tick is expected once a kTick; when it comes later than that by more than kToleratedGap, the
  // server itself was stopped and did not hear its workers.
  static constexpr absl::Duration kTick = absl::Seconds(1);
  static constexpr absl::Duration kToleratedGap = absl::Seconds(2);

  explicit LeaseDeadlines(absl::Duration ttl) : ttl_(ttl) {}

  // With a full TTL.
  void Add(int64_t fence, LiveLease lease, absl::Duration now);
  void Drop(int64_t fence) { leases_.erase(fence); }
  // A full TTL from now; a lapsed one lives again.
  void Renew(int64_t fence, absl::Duration now);

  LiveLease* Find(int64_t fence);  // nullptr: not a live attempt
  std::vector<int64_t> OfWorker(std::string_view worker_id) const;
  bool empty() const { return leases_.empty(); }

  // What has come due since the last Tick, each named once.
  struct Due {
    std::vector<int64_t> lapsed;
    std::vector<int64_t> over_limit;
  };
  Due Tick(absl::Duration now);
  // What Tick named of it could not be written down: name it once more.
  void TellAgain(int64_t fence);

 private:
  const absl::Duration ttl_;
  std::map<int64_t, LiveLease> leases_;  // by fence
  absl::Duration last_tick_ = absl::InfiniteDuration();
};

}  // namespace attune
