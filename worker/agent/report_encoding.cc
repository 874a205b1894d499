// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/report_encoding.h"

#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "attune/v1/job.pb.h"
#include "google/protobuf/util/time_util.h"

namespace attune {
namespace {

constexpr std::pair<v1::StopCause, std::string_view> kStopCauses[] = {
    {v1::STOP_CAUSE_PAUSE, "pause"},     {v1::STOP_CAUSE_CANCEL, "cancel"},
    {v1::STOP_CAUSE_PREEMPT, "preempt"}, {v1::STOP_CAUSE_DRAIN, "drain"},
    {v1::STOP_CAUSE_STALE, "stale"},     {v1::STOP_CAUSE_TIME_LIMIT, "time_limit"}};

constexpr size_t kMaxSampleBytes = 4 << 10;  // the server takes no more

// Whole, or its beginning up to the end of a character.
std::string Shortened(const std::string& text) {
  constexpr std::string_view kMore = "…";
  if (text.size() <= kMaxSampleBytes) return text;
  size_t end = kMaxSampleBytes - kMore.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end).append(kMore);
}

v1::FileRef EncodeFile(const FileEntry& entry) {
  v1::FileRef file;
  file.set_path(entry.path);
  file.set_size_bytes(entry.size_bytes);
  file.set_sha256(entry.sha256);
  return file;
}

v1::ModelSummary EncodeModel(const SucceededFrame& frame) {
  v1::ModelSummary model;
  model.set_model_type(frame.model_type);
  model.set_architecture(frame.architecture);
  model.set_parameters(frame.parameters);
  model.set_max_length(frame.max_length);
  for (const std::string& label : frame.labels) model.add_labels(label);
  for (const ExportCheckEntry& entry : frame.export_checks) {
    v1::ExportCheck& check = *model.add_export_checks();
    check.set_format(entry.format);
    check.set_rows(entry.rows);
    check.set_max_difference(entry.max_difference);
  }
  return model;
}

}  // namespace

v1::AttemptReport EncodeReport(const StartedFrame& frame, double total_epochs) {
  v1::AttemptReport report;
  v1::Started& started = *report.mutable_started();
  started.set_device(frame.device);
  started.set_threads(frame.threads);
  started.set_start_step(frame.start_step);
  started.set_total_steps(frame.total_steps);
  started.set_steps_per_epoch(frame.steps_per_epoch);
  started.set_train_examples(frame.train_examples);
  started.set_eval_examples(frame.eval_examples);
  started.set_test_examples(frame.test_examples);
  started.set_total_epochs(total_epochs);
  started.set_exact(frame.exact);
  started.set_torch_version(frame.torch_version);
  return report;
}

v1::AttemptReport EncodeReport(const PhaseFrame& frame) {
  v1::AttemptReport report;
  v1::Job::StateReason reason = v1::Job::STATE_REASON_UNSPECIFIED;
  if (!v1::Job::StateReason_Parse(frame.phase, &reason)) reason = v1::Job::TRAINING;
  report.mutable_phase()->set_reason(reason);
  return report;
}

v1::AttemptReport EncodeReport(const MetricsFrame& frame, int64_t attempt, absl::Time now) {
  v1::AttemptReport report;
  v1::StepMetrics& metrics = *report.mutable_metrics();
  metrics.set_step(frame.step);
  metrics.set_epoch(frame.epoch);
  metrics.set_loss(frame.loss);
  metrics.set_learning_rate(frame.learning_rate);
  metrics.set_grad_norm(frame.grad_norm);
  metrics.set_samples(frame.samples);
  metrics.set_tokens(frame.tokens);
  metrics.set_samples_per_second(frame.samples_per_second);
  metrics.set_tokens_per_second(frame.tokens_per_second);
  metrics.set_eta_seconds(frame.eta_seconds);
  metrics.mutable_stage_seconds()->insert(frame.stage_seconds.begin(), frame.stage_seconds.end());
  metrics.set_attempt(attempt);
  *metrics.mutable_event_time() =
      google::protobuf::util::TimeUtil::MillisecondsToTimestamp(absl::ToUnixMillis(now));
  return report;
}

v1::AttemptReport EncodeReport(const EvaluationFrame& frame) {
  v1::AttemptReport report;
  v1::Evaluation& evaluation = *report.mutable_evaluation();
  v1::Evaluation::Split split = v1::Evaluation::SPLIT_UNSPECIFIED;
  if (!v1::Evaluation::Split_Parse(frame.split, &split)) split = v1::Evaluation::EVAL;
  evaluation.set_split(split);
  evaluation.set_step(frame.step);
  evaluation.set_epoch(frame.epoch);
  evaluation.set_examples(frame.examples);
  evaluation.mutable_metrics()->insert(frame.metrics.begin(), frame.metrics.end());
  for (const std::vector<int64_t>& row : frame.confusion) {
    for (int64_t count : row) evaluation.add_confusion_matrix(count);
  }
  for (const TranslationSample& sample : frame.samples.value_or(std::vector<TranslationSample>())) {
    v1::TranslationSample& encoded = *evaluation.add_samples();
    encoded.set_source(Shortened(sample.source));
    encoded.set_reference(Shortened(sample.reference));
    encoded.set_translation(Shortened(sample.translation));
  }
  evaluation.set_best(frame.best);
  evaluation.set_seconds(frame.seconds);
  return report;
}

v1::AttemptReport EncodeReport(const CheckpointFrame& frame) {
  v1::AttemptReport report;
  v1::Checkpoint& checkpoint = *report.mutable_checkpoint();
  checkpoint.set_step(frame.step);
  checkpoint.set_epoch(frame.epoch);
  checkpoint.set_manifest_sha256(frame.manifest_sha256);
  for (const FileEntry& entry : frame.files) *checkpoint.add_files() = EncodeFile(entry);
  checkpoint.set_best(frame.best);
  checkpoint.set_write_seconds(frame.write_seconds);
  return report;
}

v1::AttemptReport EncodeReport(const NoticeFrame& frame) {
  v1::AttemptReport report;
  report.mutable_notice()->set_severity(frame.severity == "WARNING" ? v1::Notice::WARNING
                                                                    : v1::Notice::INFO);
  report.mutable_notice()->set_message(frame.message);
  return report;
}

v1::AttemptReport EncodeReport(const SucceededFrame& frame) {
  v1::AttemptReport report;
  v1::Succeeded& succeeded = *report.mutable_succeeded();
  succeeded.set_step(frame.step);
  for (const FileEntry& entry : frame.files) *succeeded.add_files() = EncodeFile(entry);
  succeeded.set_peak_memory_bytes(frame.peak_memory_bytes);
  if (!frame.model_type.empty()) *succeeded.mutable_model() = EncodeModel(frame);
  return report;
}

v1::AttemptReport EncodeReport(const FailedFrame& frame) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  if (!v1::ErrorReason_Parse(frame.reason, &reason)) reason = v1::TRAINER_CRASHED;
  v1::AttemptReport report = FailedReport(reason, frame.message, frame.step);
  v1::Failed::FailureClass failure_class = v1::Failed::INFRA;
  // A class that this agent does not know is retried rather than blamed on the user.
  if (!v1::Failed::FailureClass_Parse(frame.failure_class, &failure_class)) {
    failure_class = v1::Failed::INFRA;
  }
  report.mutable_failed()->set_failure_class(failure_class);
  return report;
}

v1::AttemptReport EncodeReport(const StoppedFrame& frame) {
  return StoppedReport(StopCauseFrom(frame.cause), frame.step);
}

v1::AttemptReport StoppedReport(v1::StopCause cause, int64_t step) {
  v1::AttemptReport report;
  report.mutable_stopped()->set_cause(cause);
  report.mutable_stopped()->set_step(step);
  return report;
}

v1::AttemptReport FailedReport(v1::ErrorReason reason, std::string message, int64_t step) {
  v1::AttemptReport report;
  v1::Failed& failed = *report.mutable_failed();
  failed.set_failure_class(v1::Failed::INFRA);
  failed.set_reason(reason);
  failed.set_message(std::move(message));
  failed.set_step(step);
  return report;
}

v1::AttemptReport CrashReport(const ExitStatus& exit, int64_t step) {
  std::string how = absl::StrCat("the trainer exited with code ", exit.code,
                                 " without saying why; its log's last lines are below");
  if (exit.signal != 0) {
    const char* name = sigabbrev_np(exit.signal);
    how = absl::StrCat("the trainer was ended by signal ", exit.signal, " (SIG",
                       name != nullptr ? name : "?", ") at step ", step);
    if (exit.signal == SIGKILL) {
      absl::StrAppend(&how,
                      "; if the machine ran out of memory, its kernel log says so: use a "
                      "smaller batch_size, or a worker with more memory");
    }
  }
  v1::AttemptReport report = FailedReport(v1::TRAINER_CRASHED, std::move(how), step);
  report.mutable_failed()->set_exit_code(ExitCodeOf(exit));
  return report;
}

int32_t ExitCodeOf(const ExitStatus& exit) {
  return exit.signal != 0 ? 128 + exit.signal : exit.code;
}

std::string_view StopCauseName(v1::StopCause cause) {
  for (const auto& [value, name] : kStopCauses) {
    if (value == cause) return name;
  }
  return "drain";
}

v1::StopCause StopCauseFrom(std::string_view name) {
  for (const auto& [value, known] : kStopCauses) {
    if (known == name) return value;
  }
  return v1::STOP_CAUSE_UNSPECIFIED;
}

}  // namespace attune
