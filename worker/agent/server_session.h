// SPDX-License-Identifier: Apache-2.0
// The agent's connection to its server, over a Transport: dials, says hello, heartbeats, and knows
// whether the server can still count on this worker (lifecycle.md, R4):
//
//   DIALLING ── Welcome ──▶ OPEN ── Renewal ──▶ LIVE
//       ▲  closed, or silent for a lease's time  │ deadline over: lapsed (on_lapsed), until a
//       Renewal └────────────── backoff ◀────────────────┘
//
// The deadline is the *sending* of the last acknowledged heartbeat + TTL − margin. While not live
// no effect may be sent and leases wait; a session that opens, or wakes after a gap, heartbeats
// first. Lives on the agent's executor; not thread-safe.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "attune/v1/worker.pb.h"
#include "base/backoff.h"
#include "worker/agent/serial_lane.h"
#include "worker/agent/transport.h"

namespace attune {

struct ServerSessionOptions {
  absl::Duration welcome_timeout = absl::Seconds(20);
  // At most about one dial a second, also for a whole fleet whose server restarts.
  BackoffOptions redial = {.initial = absl::Seconds(1), .maximum = absl::Seconds(5)};
  // After a refusal that a repetition does not heal by itself (credentials, version, replaced).
  absl::Duration refused_pause = absl::Seconds(30);
  double margin = 2.0 / 15;  // of the TTL: what clocks and scheduling may be off
};

class ServerSession {
 public:
  struct Callbacks {
    std::function<v1::Hello()> hello;
    std::function<v1::Heartbeat(int64_t sequence)> heartbeat;  // the sequence is set by us
    std::function<void(const v1::Welcome&)> on_welcome;
    std::function<void(int64_t sequence)> on_acknowledged;
    std::function<void(v1::Lease)> on_lease;  // only while live
    std::function<void(v1::Directive)> on_directive;
    std::function<void(v1::PredictOrder)> on_predict;
    std::function<void()> on_live;    // on each change to live
    std::function<void()> on_lapsed;  // the deadline passed
  };
  ServerSession(Executor& executor, Transport& transport, Rng& rng, Callbacks callbacks,
                ServerSessionOptions options = {});

  void Start();
  void HeartbeatNow();                       // something changed that the server should know
  void Answer(v1::PredictionAnswer answer);  // of an order of this session; else it is lost
  bool live() const;

 private:
  enum class State { kIdle, kDialling, kOpen };

  void Dial();
  void OnMessage(uint64_t generation, v1::SchedulerMessage message);
  void OnClosed(uint64_t generation, const absl::Status& status);
  void OnWelcome(const v1::Welcome& welcome);
  void OnRenewal(const v1::Renewal& renewal);
  void Tick(uint64_t generation);
  bool Silent() const;
  void SendHeartbeat();
  void WatchDeadline();
  void DeliverLeases();
  absl::Duration PauseAfter(const absl::Status& status);

  SerialLane lane_;
  Transport& transport_;
  Callbacks callbacks_;
  const ServerSessionOptions options_;
  Backoff backoff_;

  State state_ = State::kIdle;
  uint64_t generation_ = 0;  // of the stream: callbacks of an older one are ignored
  std::unique_ptr<SessionStream> stream_;
  absl::Duration ttl_ = absl::Seconds(15), interval_ = absl::Seconds(5);
  int64_t sequence_ = 0;
  std::map<int64_t, absl::Duration> sent_;  // heartbeats not acknowledged, and when they went
  int unanswered_ticks_ = 0;
  absl::Duration deadline_ = -absl::InfiniteDuration();
  bool acknowledged_ = false;  // by this session, since the last lapse
  std::deque<v1::Lease> waiting_leases_;
};

}  // namespace attune
