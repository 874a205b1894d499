// SPDX-License-Identifier: Apache-2.0
// The worker: takes leases from its server and runs each in a LeaseRunner; finds at its start what
// an earlier agent left, proves it dead and reports it; drains.
//
// Slots: a lease starts when a slot's last trainer is proved dead, never before. STOP for an
// attempt that is not here leaves a tombstone, so that its lease, should it still come, is ignored,
// and the stop is reported, since nothing runs. Directives of one server incarnation are carried
// out once. Without a server it trains on (DETACHED) up to detach_limit, then checkpoints and
// stops.
//
// Everything runs on parts.executor (serial); Start and Drain must be called there.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "attune/v1/worker.pb.h"
#include "worker/agent/lease_runner.h"
#include "worker/agent/predictor.h"
#include "worker/agent/server_session.h"

namespace attune {

struct AgentOptions {
  std::string worker_id;
  std::string boot_id;
  std::string instance;  // of this process, never used twice
  std::string work_dir;
  v1::WorkerInventory inventory;
  std::vector<TrainerOptions> slots;  // one a slot; working_dir is set per attempt
  RunnerOptions runner;
  PredictorOptions predictor;
  ServerSessionOptions session;
  absl::Duration detach_limit = absl::Hours(1);  // infinite on the server's own machine
  absl::Duration drain_limit = absl::Seconds(30);
  int64_t min_free_bytes = 256 << 20;  // less is reported as disk pressure
};

class Agent {
 public:
  Agent(const RunnerParts& parts, AgentOptions options);
  ~Agent();

  // Settles leftovers, then dials and never stops dialling. Blocks while leftovers die.
  absl::Status Start();

  // Takes no new lease, lets every trainer checkpoint and stop, and calls done once all reports are
  // acknowledged or the limit is over.
  void Drain(std::function<void()> done);

  bool live() const { return session_.live(); }
  std::vector<v1::HeldAttempt> held() const;

 private:
  struct Attempt {
    std::unique_ptr<LeaseRunner> runner;
    int slot = -1;  // -1: holds none
  };

  absl::Status RecoverLeftovers();
  absl::Status RecoverOne(const AttemptFolder& folder);
  v1::Hello MakeHello() const;
  v1::Heartbeat MakeHeartbeat(int64_t sequence);
  void OnWelcome(const v1::Welcome& welcome);
  void OnAcknowledged(int64_t sequence);
  void OnLease(v1::Lease lease);
  void OnDirective(const v1::Directive& directive);
  void Obey(const v1::Directive& directive);
  void StopAbsent(const v1::Directive& directive);
  void OnLive();
  void OnLapsed();
  void StartWaiting();
  bool StartLease(v1::Lease lease, int slot);
  int FreeSlot() const;
  absl::StatusOr<std::unique_ptr<EventOutbox>> NewOutbox(const AttemptFolder& folder,
                                                         const v1::HeldAttempt& identity);
  LeaseRunner& AddRunner(const AttemptFolder& folder, std::unique_ptr<EventOutbox> outbox,
                         int slot);
  void OnTrainerDead(int64_t fence);
  void OnDone(int64_t fence);
  void StopAll(v1::StopCause cause);
  int64_t MemoryToCome() const;
  void CheckDrained();
  void TellDrained();
  bool UnderDiskPressure() const;

  SerialLane lane_;
  const RunnerParts parts_;
  const AgentOptions options_;
  ServerSession session_;
  std::map<int64_t, Attempt> attempts_;  // by fence
  std::deque<v1::Lease> waiting_;        // for a slot
  Predictor predictor_;
  std::set<int64_t> ended_;  // fences that need no lease any more
  std::string incarnation_;
  std::set<int64_t> obeyed_;             // directives of this incarnation
  std::map<int64_t, int64_t> answered_;  // directive → heartbeat that told it; 0: none yet
  uint64_t lapse_ = 0;                   // counts lapses, for the detach timer
  std::function<void()> drained_;        // set: draining
  bool told_drained_ = false;
};

}  // namespace attune
