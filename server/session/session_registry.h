// SPDX-License-Identifier: Apache-2.0
// The sessions of all workers, and the lease deadlines in memory (CLOCK_BOOTTIME). A session is a
// connection without gRPC: rpc/session_stream (or the simulator) gives it messages and carries away
// what it sends. Everything runs on one serial executor; the public functions may be called from
// anywhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "attune/v1/worker.pb.h"
#include "base/executor.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/leases.h"
#include "server/session/prediction_calls.h"
#include "server/store/store.h"

namespace attune {

class SessionHub;  // server/session/session_hub.h: the inside

struct SessionOptions {
  absl::Duration lease_ttl = absl::Seconds(15);
  absl::Duration heartbeat_interval = absl::Seconds(5);
  // A worker that does not say Hello within this time is cut off.
  absl::Duration hello_timeout = absl::Seconds(10);
};

// A few rows for a worker to predict.
struct PredictionTask {
  std::string model;       // "models/x"
  std::string model_type;  // of the families that a worker knows: "bert"
  v1::PredictOrder order;  // but for call_id and timeout, which the registry sets
  absl::Duration timeout;
};

// One connection. Created by SessionRegistry::Open, used by the transport until Closed.
class SessionHandle {
 public:
  virtual ~SessionHandle() = default;
  virtual void OnMessage(v1::WorkerMessage message) = 0;
  virtual void OnClosed() = 0;  // last call
};

class SessionRegistry {
 public:
  SessionRegistry(Store& store, Leases& leases, JobCounters& counters, Executor& executor,
                  SessionOptions options);
  ~SessionRegistry();

  // After a restart: every live lease gets a full TTL from now, and no worker is ONLINE before it
  // says Hello. Once, before the scheduler starts.
  absl::Status Start();

  // `send` carries a message to the worker; `close` ends the connection with a status. Both are
  // called on the registry's executor and must not block.
  std::shared_ptr<SessionHandle> Open(std::function<void(v1::SchedulerMessage)> send,
                                      std::function<void(absl::Status)> close);

  // Ends all sessions with UNAVAILABLE/DRAINING; called once while stopping.
  void CloseAll();

  // A report with the current fence came: renews like a heartbeat.
  void NoteReport(int64_t fence);

  // Asks a worker; `done` comes once, on the registry's executor: FAILED_PRECONDITION/NO_WORKER;
  // RESOURCE_EXHAUSTED; DEADLINE_EXCEEDED; UNAVAILABLE when its session ends; what it answers.
  int64_t Predict(PredictionTask task, PredictionDone done);
  // Nobody waits for it any more; `done` gets CANCELLED, unless it came before.
  void ForgetPrediction(int64_t call_id);

  // Wall time of each connected worker's last message; the rows have it only of its last change of
  // state.
  std::map<std::string, absl::Time> LastHeartbeats() const;

 private:
  std::atomic<int64_t> last_call_ = 0;
  std::shared_ptr<SessionHub> hub_;  // shared only so that late callbacks see its end
};

}  // namespace attune
