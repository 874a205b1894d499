// SPDX-License-Identifier: Apache-2.0
// One attempt, from its lease to its last acknowledged report:
//
//   fetch inputs → start a trainer → relay its frames as reports, upload its checkpoints
//     → it says how it ended and exits (waitpid: the proof of death)
//     → what it left is uploaded → the final report → all reports acknowledged → done
//
// The final report is made only once the trainer is dead and every checkpoint it announced was
// reported: whoever reads it may start the next attempt at once. A trainer that dies without a word
// is Failed (INFRA, TRAINER_CRASHED). Abandon (a stale attempt) skips everything but the death.
//
// The agent owns it and destroys it after on_done. Lives on the agent's executor; not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "attune/v1/attempt.pb.h"
#include "attune/v1/worker.pb.h"
#include "base/file_system.h"
#include "base/rng.h"
#include "worker/agent/attempt_folder.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/event_outbox.h"
#include "worker/agent/file_upload.h"
#include "worker/agent/input_files.h"
#include "worker/agent/log_pump.h"
#include "worker/agent/outgoing_checkpoints.h"
#include "worker/agent/report_sender.h"
#include "worker/agent/serial_lane.h"
#include "worker/agent/trainer_launcher.h"
#include "worker/agent/transport.h"

namespace attune {

// What a runner borrows; all of it outlives the runner.
struct RunnerParts {
  Executor& executor;  // serial: where everything runs
  Executor& io;        // for what may block on the disk
  FileSystem& files;
  Rng& rng;
  Transport& transport;
  TrainerLauncher& launcher;
  BlobCache& cache;
};

struct RunnerOptions {
  std::string device = "cpu";
  std::string feature_dir;  // where trainers keep what they may share; empty: nowhere
  absl::Duration cancel_grace = absl::Seconds(1);        // from a cancel to SIGKILL
  absl::Duration checkpoint_grace = absl::Seconds(120);  // from any other stop to SIGKILL
  absl::Duration exit_grace = absl::Seconds(10);         // from its last word to SIGKILL
};

class LeaseRunner {
 public:
  struct Callbacks {
    std::function<bool()> may_send;         // see ReportSender
    std::function<void()> on_trainer_dead;  // its slot is free
    std::function<void()> on_done;          // everything is acknowledged; never inside a call
  };

  LeaseRunner(const RunnerParts& parts, const RunnerOptions& options, AttemptFolder folder,
              std::unique_ptr<EventOutbox> outbox, Callbacks callbacks);

  // Exactly one of these two, first.
  void Run(v1::Lease lease, TrainerOptions slot);
  // No trainer runs: uploads the checkpoints that an earlier agent left, then reports
  // `final_report`, unless the outbox ends with one.
  void Conclude(v1::AttemptReport final_report);

  void Stop(v1::StopCause cause);  // STALE: Abandon
  void WriteCheckpoint();
  // Kills the trainer and reports nothing more.
  void Abandon() { Quit(Ending::kAbandoned); }
  void WakeSender() { sender_.WakeNow(); }

  v1::HeldAttempt held() const;
  // What its trainer may still grow by, as far as is known.
  int64_t memory_to_come() const;
  bool trainer_dead() const { return trainer_ == Trainer::kDead; }
  bool waiting_for_disk() const { return inputs_ && inputs_->waiting_for_disk(); }

 private:
  enum class Trainer { kNone, kAlive, kDead };
  enum class Ending { kNone, kReported, kAbandoned, kRejected };

  void OnInputs(const absl::Status& status);
  absl::Status StartTrainer();
  void OnEvent(const absl::StatusOr<AttemptEvent>& event);
  void Relay(const StartedFrame& frame);
  void Relay(const PhaseFrame& frame);
  void Relay(const MetricsFrame& frame);
  void Relay(const EvaluationFrame& frame);
  void Relay(const CheckpointFrame& frame);
  void ReportLost(const CheckpointFrame& frame, const absl::Status& why);
  void Relay(const NoticeFrame& frame);
  void Relay(const SucceededFrame& frame);
  void Relay(const FailedFrame& frame);
  void Relay(const StoppedFrame& frame);
  void Relay(const PredictionFrame& frame);
  void FailBroken(const std::string& what);
  void OnExit(const ExitStatus& exit);
  void OnOutputUploaded(const absl::Status& status);
  void KillAfter(absl::Duration grace);
  void SetFinal(v1::AttemptReport report);
  v1::AttemptReport FinalAfterExit(const ExitStatus& exit) const;
  void MarkDead();
  void Report(v1::AttemptReport report);
  // Does whatever is next once the trainer is dead.
  void Advance();
  void OnSenderEnd(ReportSender::End end, const absl::Status& why);
  void Quit(Ending ending);
  void Finish(Ending ending);

  SerialLane lane_;
  const RunnerParts parts_;
  const RunnerOptions options_;
  const AttemptFolder folder_;
  std::unique_ptr<EventOutbox> outbox_;
  Callbacks callbacks_;
  ReportSender sender_;
  LogPump log_;
  OutgoingCheckpoints checkpoints_;

  v1::Lease lease_;
  TrainerOptions slot_;
  std::unique_ptr<InputFiles> inputs_;         // while fetching
  std::unique_ptr<FileUpload> output_upload_;  // between its frame and its last blob
  std::unique_ptr<TrainerHandle> trainer_handle_;
  Trainer trainer_ = Trainer::kNone;
  Ending ending_ = Ending::kNone;
  std::optional<v1::AttemptReport> final_;  // not in the outbox yet
  v1::StopCause stop_cause_ = v1::STOP_CAUSE_UNSPECIFIED;
  bool killed_ = false;  // by us, after a grace
  int64_t step_ = 0;     // the latest heard of
  bool finished_ = false;
};

}  // namespace attune
