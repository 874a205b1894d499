// SPDX-License-Identifier: Apache-2.0
// Watches a job to its end across lost connections and server restarts: every durable event is told
// exactly once, in order. It ends only on a final state that GetJob confirms, never because a
// stream ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "attune/v1/event.pb.h"
#include "attune/v1/job.pb.h"
#include "base/backoff.h"
#include "client/connection.h"

namespace attune {

// Called on the thread that runs Watch.
class WatchObserver {
 public:
  virtual ~WatchObserver() = default;
  virtual void OnEvent(const v1::JobEvent& event) = 0;
  virtual void OnMetrics(const v1::StepMetrics& metrics) = 0;  // latest wins; may repeat
  virtual void OnDisconnected(const absl::Status& why) = 0;    // once an outage
};

struct WatchOptions {
  std::optional<int64_t> after_sequence;             // unset: from the oldest event kept
  absl::Duration patience = absl::Minutes(10);       // without any message, before it gives up
  absl::Duration first_patience = absl::Seconds(3);  // the same before the first message
  BackoffOptions backoff;
};

class JobWatcher {
 public:
  // Borrows all three.
  JobWatcher(Connection& connection, WatchObserver& observer, Rng& rng, WatchOptions options = {});

  // Blocks until `name` ("jobs/x") is final and returns it. NOT_FOUND, UNAUTHENTICATED, …: as the
  // server says; kUnreachable after `patience`; kInterrupted.
  absl::StatusOr<v1::Job> Watch(const std::string& name);

 private:
  // Reads one stream to its end, telling the observer.
  absl::Status ReadStream(const std::string& name);
  absl::Status Deliver(const v1::WatchJobResponse& update);
  absl::Status DeliverEvent(const v1::JobEvent& event);
  absl::StatusOr<v1::Job> GetJob(const std::string& name);
  bool WaitToReconnect(const absl::Status& why);

  Connection& connection_;
  WatchObserver& observer_;
  const WatchOptions options_;
  Backoff backoff_;
  absl::Duration last_message_;  // since boot
  std::optional<int64_t> last_sequence_;
  bool heard_ = false;        // of the server, ever
  bool final_event_ = false;  // the job's last event was told
  bool told_outage_ = false;
};

// SUCCEEDED, FAILED or CANCELLED. States this client does not know are not final.
bool HasEnded(v1::Job::State state);

}  // namespace attune
