// SPDX-License-Identifier: Apache-2.0
// Brings the reports of one outbox to the server: batches, one in flight, in order, repeated until
// each is acknowledged (lifecycle.md, R1 and R7):
//   OK                            everything below next_index is acknowledged
//   ABORTED/STALE_ATTEMPT         another attempt counts now: kStale, nothing more is sent
//   OUT_OF_RANGE/REPORT_HOLE      goes on from metadata next_index
//   INVALID_ARGUMENT, NOT_FOUND   kRejected: the attempt must end, its files are kept
//   anything else                 the same again, with backoff
// Lives on the agent's executor; not thread-safe.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "attune/v1/worker_service.pb.h"
#include "base/backoff.h"
#include "base/rng.h"
#include "worker/agent/event_outbox.h"
#include "worker/agent/serial_lane.h"
#include "worker/agent/transport.h"

namespace attune {

// What the answer to a ReportAttempt asks for. Pure.
struct ReportVerdict {
  enum class Action { kAcknowledge, kResendFrom, kStale, kReject, kRetry };
  Action action = Action::kRetry;
  int64_t next_index = 0;  // of kAcknowledge and kResendFrom
};
ReportVerdict JudgeReportAnswer(const absl::StatusOr<v1::ReportAttemptResponse>& answer);

class ReportSender {
 public:
  enum class End { kStale, kRejected };
  struct Callbacks {
    // Whether effects may be sent now: after any gap a heartbeat comes first (R4).
    std::function<bool()> may_send;
    std::function<void()> on_acknowledged;
    std::function<void(End, absl::Status)> on_end;  // once, last
  };

  ReportSender(Executor& executor, Transport& transport, Rng& rng, EventOutbox& outbox,
               Callbacks callbacks, BackoffOptions backoff = {});

  // Something was appended, or may_send became true.
  void Wake();
  // The server was just heard: tries now instead of waiting out the backoff.
  void WakeNow();

 private:
  void Send();
  void OnAnswer(const absl::StatusOr<v1::ReportAttemptResponse>& answer);
  void ResendFrom(int64_t index);
  void RetryLater();
  void EndWith(End end, const absl::Status& why);

  SerialLane lane_;
  Transport& transport_;
  EventOutbox& outbox_;
  Callbacks callbacks_;
  Backoff backoff_;
  bool in_flight_ = false;
  bool ended_ = false;
  Executor::TimerId retry_ = 0;
};

}  // namespace attune
