// SPDX-License-Identifier: Apache-2.0
// The outgoing side of one connection: what this worker was told in this session. Leases and
// directives go out once a session; a new session tells them again. Lives on the registry's
// executor; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "attune/v1/worker.pb.h"
#include "server/store/attempts_table.h"

namespace attune {

class WorkerSession {
 public:
  enum class Phase {
    kSilent,    // no Hello yet
    kGreeting,  // its Hello is being written down
    kOpen,
    kClosed,
  };

  WorkerSession(std::function<void(v1::SchedulerMessage)> send,
                std::function<void(absl::Status)> close)
      : send_(std::move(send)), close_(std::move(close)) {}

  Phase phase() const { return phase_; }
  const v1::Hello& hello() const { return hello_; }
  const std::string& worker_id() const { return hello_.worker_id(); }
  bool draining() const { return draining_; }
  void set_draining(bool draining) { draining_ = draining; }

  void Greet(v1::Hello hello);  // → kGreeting
  // → kOpen. What it holds needs no lease.
  void Welcome(const std::string& incarnation, absl::Duration ttl, absl::Duration interval);
  void Close(absl::Status status);  // → kClosed; once

  // What ran at the hello or heartbeat before and does not run now: its trainer is dead.
  std::vector<int64_t> TakeGone(const v1::Heartbeat& heartbeat);
  void KeepRunning(const std::vector<int64_t>& fences) {
    running_.insert(fences.begin(), fences.end());
  }

  bool NeedsLease(int64_t fence) const { return !leased_.contains(fence); }
  void SendLease(v1::Lease lease);
  void SendDirective(const AttemptRecord& attempt);  // unless it was sent in this session
  void SendStale(const v1::HeldAttempt& held);       // likewise
  void SendPredict(v1::PredictOrder order);
  void SendRenewal(int64_t heartbeat_sequence, const std::vector<int64_t>& fences);

 private:
  const std::function<void(v1::SchedulerMessage)> send_;
  const std::function<void(absl::Status)> close_;
  Phase phase_ = Phase::kSilent;
  v1::Hello hello_;
  bool draining_ = false;
  std::set<int64_t> leased_;   // fences
  std::set<int64_t> ordered_;  // directive ids
  std::set<int64_t> running_;  // fences, as the worker said last
};

}  // namespace attune
