// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_runner.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"
#include "worker/agent/lease_spec.h"
#include "worker/agent/report_encoding.h"

namespace attune {

LeaseRunner::LeaseRunner(const RunnerParts& parts, const RunnerOptions& options,
                         AttemptFolder folder, std::unique_ptr<EventOutbox> outbox,
                         Callbacks callbacks)
    : lane_(parts.executor),
      parts_(parts),
      options_(options),
      folder_(std::move(folder)),
      outbox_(std::move(outbox)),
      callbacks_(std::move(callbacks)),
      sender_(parts.executor, parts.transport, parts.rng, *outbox_,
              {.may_send = [this] { return callbacks_.may_send(); },
               .on_acknowledged = [this] { Advance(); },
               .on_end = [this](ReportSender::End end,
                                const absl::Status& why) { OnSenderEnd(end, why); }}),
      log_(parts.executor, parts.files, folder_.log(),
           [this](v1::AttemptReport report) {
             if (outbox_->crowded() || outbox_->has_final()) return false;
             Report(std::move(report));
             return true;
           }),
      checkpoints_(
          parts.executor, parts.files, parts.transport, parts.rng, folder_,
          {.on_uploaded = [this](const CheckpointFrame& frame) { Report(EncodeReport(frame)); },
           .on_lost = [this](const CheckpointFrame& frame,
                             const absl::Status& why) { ReportLost(frame, why); },
           .on_idle = [this] { Advance(); }}) {}

void LeaseRunner::Run(v1::Lease lease, TrainerOptions slot) {
  lease_ = std::move(lease);
  slot_ = std::move(slot);
  step_ = lease_.resume_step();
  absl::StatusOr<std::vector<InputFile>> inputs = InputsOf(lease_, folder_);
  if (!inputs.ok()) return OnInputs(inputs.status());
  inputs_ = std::make_unique<InputFiles>(
      parts_.executor, parts_.io, parts_.files, parts_.transport, parts_.rng, parts_.cache,
      *std::move(inputs), lane_.Bind([this](const absl::Status& status) { OnInputs(status); }));
}

void LeaseRunner::Conclude(v1::AttemptReport final_report) {
  if (!outbox_->has_final()) {
    final_ = std::move(final_report);
    checkpoints_.AddLeftovers();
  }
  trainer_ = Trainer::kDead;
  Advance();
}

void LeaseRunner::OnInputs(const absl::Status& status) {
  inputs_.reset();
  if (trainer_ == Trainer::kDead) return;  // stopped meanwhile
  const absl::Status started = status.ok() ? StartTrainer() : status;
  if (started.ok()) return;
  if (ErrorReasonOf(status) == "CHECKPOINT_DAMAGED") {
    SetFinal(FailedReport(v1::CHECKPOINT_DAMAGED, std::string(status.message()), step_));
  } else {
    SetFinal(FailedReport(
        status.ok() ? v1::TRAINER_CRASHED : v1::IO_ERROR,
        absl::StrCat("the worker could not start the trainer: ", started.message()), step_));
  }
  MarkDead();
}

absl::Status LeaseRunner::StartTrainer() {
  ATTUNE_RETURN_IF_ERROR(parts_.files.MakeDirs(folder_.trainer()));
  if (!options_.feature_dir.empty()) {
    ATTUNE_RETURN_IF_ERROR(parts_.files.MakeDirs(options_.feature_dir));
  }
  ATTUNE_ASSIGN_OR_RETURN(
      TrainerSpec spec,
      TrainerSpecOf(lease_, folder_, {slot_.threads, options_.device, options_.feature_dir}));
  slot_.threads = spec.threads;
  slot_.working_dir = folder_.trainer();
  TrainerCallbacks callbacks{
      .on_event = lane_.Bind([this](const absl::StatusOr<AttemptEvent>& e) { OnEvent(e); }),
      .on_log = lane_.Bind([this](const std::string& bytes) { log_.Append(bytes); }),
      .on_exit = lane_.Bind([this](const ExitStatus& exit) { OnExit(exit); })};
  ATTUNE_ASSIGN_OR_RETURN(trainer_handle_, parts_.launcher.Start(slot_, std::move(callbacks)));
  trainer_ = Trainer::kAlive;
  const absl::Status noted =
      parts_.files.WriteFileAtomically(folder_.identity(), trainer_handle_->Identity());
  if (!noted.ok()) {
    // It still dies with us (PR_SET_PDEATHSIG, end of file); this was the third net.
    LogWarning("cannot note the trainer's identity", {{"status", noted.ToString()}});
  }
  LogInfo("trainer started", {{"job", lease_.job()}, {"attempt", Str(lease_.attempt())}});
  trainer_handle_->Send(RunCommand{std::move(spec)});
  return absl::OkStatus();
}

void LeaseRunner::OnEvent(const absl::StatusOr<AttemptEvent>& event) {
  if (ending_ != Ending::kNone || final_) return;  // nothing counts after its last word
  if (event.ok() && event->attempt == lease_.attempt()) {
    return std::visit([this](const auto& frame) { Relay(frame); }, event->event);
  }
  FailBroken(event.ok()
                 ? absl::StrCat("the trainer spoke of attempt ", event->attempt)
                 : absl::StrCat("the trainer sent a broken frame: ", event.status().message()));
}

void LeaseRunner::FailBroken(const std::string& what) {
  SetFinal(FailedReport(v1::TRAINER_CRASHED, what, step_));
  KillAfter(absl::ZeroDuration());
}

void LeaseRunner::Relay(const StartedFrame& frame) {
  step_ = frame.start_step;
  const v1::Hyperparameters& h = lease_.spec().fine_tune().hyperparameters();
  const double epochs = frame.steps_per_epoch > 0
                            ? static_cast<double>(frame.total_steps) / frame.steps_per_epoch
                            : h.epochs();
  Report(EncodeReport(frame, epochs));
}
void LeaseRunner::Relay(const PhaseFrame& frame) { Report(EncodeReport(frame)); }
void LeaseRunner::Relay(const MetricsFrame& frame) {
  step_ = frame.step;
  Report(EncodeReport(frame, lease_.attempt(), lane_.clock().Now()));
}
void LeaseRunner::Relay(const EvaluationFrame& frame) { Report(EncodeReport(frame)); }
void LeaseRunner::Relay(const CheckpointFrame& frame) {
  step_ = std::max(step_, frame.step);
  // Its steps' metrics first: a power cut must not leave it without them.
  absl::Status noted = outbox_->Flush();
  if (noted.ok()) noted = outbox_->Sync();
  noted.ok() ? checkpoints_.Add(frame) : ReportLost(frame, noted);
}
void LeaseRunner::ReportLost(const CheckpointFrame& frame, const absl::Status& why) {
  Report(EncodeReport(NoticeFrame{"WARNING", absl::StrCat("the checkpoint of step ", frame.step,
                                                          " was not stored: ", why.message())}));
}
void LeaseRunner::Relay(const NoticeFrame& frame) { Report(EncodeReport(frame)); }

void LeaseRunner::Relay(const SucceededFrame& frame) {
  Report(EncodeReport(PhaseFrame{"UPLOADING"}));
  output_upload_ = std::make_unique<FileUpload>(
      parts_.executor, parts_.transport, parts_.rng, frame.model_dir, frame.files,
      lane_.Bind([this](const absl::Status& status) { OnOutputUploaded(status); }));
  SetFinal(EncodeReport(frame));
  KillAfter(options_.exit_grace);
}

void LeaseRunner::Relay(const FailedFrame& frame) {
  v1::AttemptReport report = EncodeReport(frame);
  // Its files matched their hashes when they came: the damage is this worker's, not the server's,
  // and the next attempt fetches them anew.
  if (report.failed().reason() == v1::CHECKPOINT_DAMAGED) {
    report.mutable_failed()->set_reason(v1::IO_ERROR);
  }
  SetFinal(std::move(report));
  KillAfter(options_.exit_grace);
}

void LeaseRunner::Relay(const StoppedFrame& frame) {
  v1::AttemptReport report = EncodeReport(frame);
  if (stop_cause_ != v1::STOP_CAUSE_UNSPECIFIED) report.mutable_stopped()->set_cause(stop_cause_);
  SetFinal(std::move(report));
  KillAfter(options_.exit_grace);
}

void LeaseRunner::OnOutputUploaded(const absl::Status& status) {
  if (!output_upload_) return;
  output_upload_.reset();
  if (!status.ok()) {
    SetFinal(FailedReport(
        v1::IO_ERROR, absl::StrCat("what the job made could not be uploaded: ", status.message()),
        step_));
  }
  Advance();
}

void LeaseRunner::SetFinal(v1::AttemptReport report) {
  if (outbox_->has_final()) return;
  final_ = std::move(report);
}

void LeaseRunner::Stop(v1::StopCause cause) {
  if (cause == v1::STOP_CAUSE_STALE) return Abandon();
  // The first cause stands, but for a cancel: nobody waits for a checkpoint any more.
  const bool repeated = stop_cause_ != v1::STOP_CAUSE_UNSPECIFIED;
  if (ending_ != Ending::kNone || (repeated && cause != v1::STOP_CAUSE_CANCEL)) return;
  stop_cause_ = cause;
  if (trainer_ == Trainer::kNone) {
    inputs_.reset();
    SetFinal(StoppedReport(cause, step_));
    return MarkDead();
  }
  // A cancelled job's model is nobody's any more; any other stop lets a finished one through.
  if (cause == v1::STOP_CAUSE_CANCEL) {
    checkpoints_.Clear();
    if (output_upload_) {
      output_upload_.reset();
      SetFinal(StoppedReport(cause, step_));
    }
  }
  if (trainer_ == Trainer::kDead) return Advance();
  trainer_handle_->Send(StopCommand{lease_.attempt(), std::string(StopCauseName(cause))});
  KillAfter(cause == v1::STOP_CAUSE_CANCEL ? options_.cancel_grace : options_.checkpoint_grace);
}

void LeaseRunner::WriteCheckpoint() {
  if (trainer_ == Trainer::kAlive && ending_ == Ending::kNone) {
    trainer_handle_->Send(CheckpointCommand{lease_.attempt()});
  }
}

void LeaseRunner::Quit(Ending ending) {
  if (ending_ != Ending::kNone) return;
  ending_ = ending;
  inputs_.reset();
  output_upload_.reset();
  checkpoints_.Clear();
  if (trainer_ == Trainer::kAlive) return KillAfter(absl::ZeroDuration());
  if (trainer_ == Trainer::kNone) return MarkDead();
  Advance();
}

void LeaseRunner::KillAfter(absl::Duration grace) {
  auto kill = [this] {
    if (trainer_ != Trainer::kAlive) return;
    killed_ = true;
    trainer_handle_->Kill(SIGKILL);
  };
  if (grace == absl::ZeroDuration()) return kill();
  lane_.After(grace, kill);
}

void LeaseRunner::Relay(const PredictionFrame&) {
  FailBroken("the trainer sent a prediction, which nobody asked it for");
}

void LeaseRunner::OnExit(const ExitStatus& exit) {
  LogInfo("trainer ended", {{"job", lease_.job()},
                            {"attempt", Str(lease_.attempt())},
                            {"code", Str(exit.code)},
                            {"signal", Str(exit.signal)}});
  log_.Finish();
  SetFinal(FinalAfterExit(exit));
  MarkDead();
}

v1::AttemptReport LeaseRunner::FinalAfterExit(const ExitStatus& exit) const {
  if (final_) {
    v1::AttemptReport report = *final_;
    if (report.has_failed()) {
      report.mutable_failed()->set_exit_code(ExitCodeOf(exit));
      report.mutable_failed()->set_log_tail(log_.Tail());
    }
    return report;
  }
  // A stop that had to be enforced is still a stop. A cancelled trainer's way to die is no matter.
  const bool stopped = stop_cause_ != v1::STOP_CAUSE_UNSPECIFIED;
  if (stopped && (killed_ || stop_cause_ == v1::STOP_CAUSE_CANCEL)) {
    return StoppedReport(stop_cause_, step_);
  }
  v1::AttemptReport report = CrashReport(exit, step_);
  report.mutable_failed()->set_log_tail(log_.Tail());
  return report;
}

void LeaseRunner::MarkDead() {
  trainer_ = Trainer::kDead;
  trainer_handle_.reset();
  (void)parts_.files.Remove(folder_.identity());
  lane_.Defer(callbacks_.on_trainer_dead);
  Advance();
}

void LeaseRunner::Report(v1::AttemptReport report) {
  if (ending_ != Ending::kNone) return;
  const absl::Status status = outbox_->Append(std::move(report));
  if (!status.ok()) {
    LogWarning("a report waits in memory",
               {{"job", outbox_->identity().job()}, {"status", status.ToString()}});
  }
  sender_.Wake();
}

void LeaseRunner::Advance() {
  if (trainer_ != Trainer::kDead || finished_) return;
  if (ending_ != Ending::kNone) return Finish(ending_);
  if (!checkpoints_.idle() || output_upload_) return;
  if (final_) {
    Report(*std::exchange(final_, std::nullopt));
    return;
  }
  if (outbox_->has_final() && outbox_->empty()) Finish(Ending::kReported);
  sender_.Wake();
}

void LeaseRunner::OnSenderEnd(ReportSender::End end, const absl::Status& why) {
  LogWarning(end == ReportSender::End::kStale ? "another attempt counts now; ending this one"
                                              : "the server refuses this attempt's reports",
             {{"job", outbox_->identity().job()},
              {"attempt", Str(outbox_->identity().attempt())},
              {"status", why.ToString()}});
  Quit(end == ReportSender::End::kStale ? Ending::kAbandoned : Ending::kRejected);
}

void LeaseRunner::Finish(Ending ending) {
  finished_ = true;
  if (ending == Ending::kRejected) {
    // Kept for whoever looks into it; without an outbox no later agent reports them.
    (void)parts_.files.Rename(folder_.outbox(), folder_.outbox() + ".rejected");
  } else {
    (void)parts_.files.RemoveTree(folder_.root());
  }
  lane_.Defer(callbacks_.on_done);  // a copy: it destroys us
}

int64_t LeaseRunner::memory_to_come() const {
  if (trainer_ == Trainer::kDead) return 0;
  const int64_t has = trainer_handle_ ? trainer_handle_->ResidentBytes() : 0;
  return std::max<int64_t>(0, lease_.estimated_memory_bytes() - has);
}

v1::HeldAttempt LeaseRunner::held() const {
  v1::HeldAttempt held = outbox_->identity();
  held.set_running(trainer_ != Trainer::kDead);
  return held;
}

}  // namespace attune
