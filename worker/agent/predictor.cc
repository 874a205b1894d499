// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/predictor.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/logging.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/time_util.h"
#include "worker/agent/lease_task.h"

namespace attune {
namespace {

constexpr size_t kMaxLogTail = 4096;
constexpr size_t kMaxAnswerBytes = 3 << 20;  // a message of the session may have 4 MiB

std::string MiB(int64_t bytes) {
  constexpr double kMiB = 1 << 20;
  return absl::StrFormat("%.0f MiB", static_cast<double>(bytes) / kMiB);
}

// What the frame of a failure means to the caller.
absl::Status StatusOf(const FailedFrame& frame) {
  const absl::StatusCode code =
      frame.reason == "OUT_OF_MEMORY" ? absl::StatusCode::kResourceExhausted
      : frame.failure_class == "USER" ? absl::StatusCode::kFailedPrecondition
                                      : absl::StatusCode::kInternal;
  return MakeError(code, frame.reason, frame.message);
}

absl::StatusOr<v1::PredictionAnswer> Decode(const PredictionFrame& frame) {
  v1::PredictionAnswer answer;
  for (const std::string& line : frame.rows) {
    const auto parsed = google::protobuf::util::JsonStringToMessage(line, answer.add_rows());
    if (!parsed.ok()) return absl::InternalError("the predictor's answer cannot be read");
  }
  if (answer.ByteSizeLong() > kMaxAnswerBytes) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
        absl::StrCat("the answer has more than ", MiB(kMaxAnswerBytes), "; ask for fewer rows"));
  }
  return answer;
}

v1::PredictionFailure Encode(const absl::Status& status) {
  v1::PredictionFailure failure;
  failure.set_code(static_cast<int32_t>(status.code()));
  v1::ErrorReason reason = v1::INTERNAL_FAULT;
  (void)v1::ErrorReason_Parse(ErrorReasonOf(status), &reason);
  failure.set_reason(reason);
  failure.set_message(std::string(status.message()));
  return failure;
}

// As PredictCommand::rows has it.
std::vector<std::string> Encode(const v1::TextRow& row) {
  if (!row.image().empty()) return {absl::Base64Escape(row.image())};
  return {row.texts().begin(), row.texts().end()};
}

}  // namespace

Predictor::Predictor(const RunnerParts& parts, PredictorOptions options,
                     const std::string& work_dir, Callbacks callbacks)
    : lane_(parts.executor),
      parts_(parts),
      options_(std::move(options)),
      folder_(JoinPath(work_dir, "predictor")),
      callbacks_(std::move(callbacks)) {}

Predictor::~Predictor() = default;

absl::Status Predictor::RecoverLeftovers() {
  const std::string identity = JoinPath(folder_, "identity");
  if (parts_.files.Exists(identity)) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string process, parts_.files.ReadFile(identity));
    ATTUNE_RETURN_IF_ERROR(parts_.launcher.EnsureDead(process));
  }
  return parts_.files.RemoveTree(folder_);
}

void Predictor::Ask(v1::PredictOrder order) {
  if (draining_) {
    return Fail(order, MakeError(absl::StatusCode::kUnavailable, "DRAINING",
                                 "the worker is draining; ask again"));
  }
  if (calls_.size() >= options_.max_waiting) {
    return Fail(order, MakeError(absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS",
                                 absl::StrCat(calls_.size(),
                                              " predictions wait on the worker; ask again later")));
  }
  const int64_t number = ++last_number_;
  const absl::Duration timeout =
      absl::Nanoseconds(google::protobuf::util::TimeUtil::DurationToNanoseconds(order.timeout()));
  calls_.push_back({number, std::move(order)});
  lane_.After(timeout, [this, number] { OnTimeOver(number); });
  Advance();
}

// Does whatever is next; every change of phase_ and calls_ ends here.
void Predictor::Advance() {
  if (calls_.empty()) {
    if (phase_ == Phase::kIdle) WatchIdleness();
    return;
  }
  const v1::PredictOrder& next = calls_.front().order;
  if (phase_ == Phase::kNone) return Fetch(next);
  if (phase_ == Phase::kIdle) DigestOfFolder(next.model_files()) == model_ ? AskFirst() : End();
}

void Predictor::Fetch(const v1::PredictOrder& order) {
  const std::string model_dir = JoinPath(folder_, "model");
  absl::Status status = parts_.files.RemoveTree(model_dir);
  std::vector<InputFile> wanted;
  if (status.ok()) status = AddFiles(order.model_files(), model_dir, wanted);
  if (!status.ok()) {
    FailFirst(status);
    return lane_.Defer([this] { Advance(); });
  }
  phase_ = Phase::kFetching;
  model_ = DigestOfFolder(order.model_files());
  model_bytes_ = 0;
  for (const v1::FileRef& file : order.model_files()) model_bytes_ += file.size_bytes();
  inputs_ = std::make_unique<InputFiles>(
      parts_.executor, parts_.io, parts_.files, parts_.transport, parts_.rng, parts_.cache,
      std::move(wanted), lane_.Bind([this](const absl::Status& s) { OnFetched(s); }));
}

void Predictor::OnFetched(const absl::Status& fetched) {
  if (phase_ != Phase::kFetching) return;
  inputs_.reset();
  phase_ = Phase::kNone;
  // Whoever asked for it may be gone, and the next may want another model.
  if (calls_.empty() || DigestOfFolder(calls_.front().order.model_files()) != model_)
    return Advance();
  const absl::Status status = fetched.ok() ? Start() : fetched;
  if (!status.ok()) FailFirst(status);
  Advance();
}

absl::Status Predictor::Start() {
  ATTUNE_RETURN_IF_ERROR(CheckMemory());
  TrainerOptions options;
  options.working_dir = folder_;
  options.alone = false;
  options.predicts = true;
  TrainerCallbacks callbacks{
      .on_event = lane_.Bind([this](const absl::StatusOr<AttemptEvent>& e) { OnEvent(e); }),
      .on_log = lane_.Bind([this](const std::string& bytes) {
        log_tail_ += bytes;
        if (log_tail_.size() > kMaxLogTail) log_tail_.erase(0, log_tail_.size() - kMaxLogTail);
      }),
      .on_exit = lane_.Bind([this](const ExitStatus& exit) { OnExit(exit); })};
  log_tail_.clear();
  ATTUNE_ASSIGN_OR_RETURN(process_, parts_.launcher.Start(options, std::move(callbacks)));
  phase_ = Phase::kIdle;
  const absl::Status noted =
      parts_.files.WriteFileAtomically(JoinPath(folder_, "identity"), process_->Identity());
  if (!noted.ok()) {
    // It still dies with us (PR_SET_PDEATHSIG, end of file); this was the third net.
    LogWarning("cannot note the predictor's identity", {{"status", noted.ToString()}});
  }
  LogInfo("predictor started", {{"model", model_}});
  return absl::OkStatus();
}

absl::Status Predictor::CheckMemory() const {
  if (!options_.available_memory) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(const int64_t available, options_.available_memory());
  const int64_t promised = callbacks_.memory_to_come();
  const int64_t needed = model_bytes_ + options_.runtime_bytes;
  if (needed <= available - promised) return absl::OkStatus();
  return MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
                   absl::StrCat("the worker has no memory for this model now: it needs about ",
                                MiB(needed), " (its files ", MiB(model_bytes_), ", the program ",
                                MiB(options_.runtime_bytes), "), and of ", MiB(available),
                                " that are available, running jobs may still take ", MiB(promised),
                                "; ask again when one has ended, or predict with a job"));
}

void Predictor::AskFirst() {
  const Call& call = calls_.front();
  PredictCommand command;
  command.call = call.number;
  command.model_dir = JoinPath(folder_, "model");
  command.max_length = call.order.max_length();
  command.decoding = DecodingOf(call.order.decoding());
  for (const v1::TextRow& row : call.order.rows()) command.rows.push_back(Encode(row));
  asked_ = call.number;
  phase_ = Phase::kAsked;
  process_->Send(command);
}

void Predictor::OnEvent(const absl::StatusOr<AttemptEvent>& event) {
  if (phase_ != Phase::kAsked) return;  // its last words before it was ended
  const bool awaited = !calls_.empty() && calls_.front().number == asked_;
  const auto* prediction = event.ok() ? std::get_if<PredictionFrame>(&event->event) : nullptr;
  const auto* failed = event.ok() ? std::get_if<FailedFrame>(&event->event) : nullptr;
  if (prediction != nullptr && event->attempt == asked_) {
    phase_ = Phase::kIdle;
    if (awaited) AnswerFirst(*prediction);
    return Advance();
  }
  if (awaited) {
    FailFirst(failed != nullptr ? StatusOf(*failed)
                                : absl::InternalError("the predictor sent a broken frame"));
  }
  End();  // the next one starts afresh
}

void Predictor::OnExit(const ExitStatus& exit) {
  process_.reset();
  (void)parts_.files.Remove(JoinPath(folder_, "identity"));
  LogInfo("predictor ended", {{"code", Str(exit.code)}, {"signal", Str(exit.signal)}});
  const Phase before = std::exchange(phase_, Phase::kNone);
  if (before != Phase::kEnding && !log_tail_.empty()) {
    LogWarning("the predictor ended by itself", {{"log", log_tail_}});
  }
  if (before == Phase::kAsked && !calls_.empty() && calls_.front().number == asked_) {
    FailFirst(MakeError(absl::StatusCode::kInternal, "TRAINER_CRASHED",
                        absl::StrCat("the predictor died (exit code ", exit.code, ", signal ",
                                     exit.signal, "), perhaps for want of memory; ask again")));
  }
  Advance();
}

void Predictor::OnTimeOver(int64_t number) {
  std::erase_if(calls_, [number](const Call& call) { return call.number == number; });
  if (phase_ == Phase::kAsked && asked_ == number) End();  // nobody waits, others may
  if (phase_ == Phase::kFetching && calls_.empty()) {
    inputs_.reset();
    phase_ = Phase::kNone;
  }
  Advance();
}

void Predictor::ForgetAll() {
  calls_.clear();
  if (phase_ == Phase::kFetching) {
    inputs_.reset();
    phase_ = Phase::kNone;
  }
}

void Predictor::Drain() {
  draining_ = true;
  while (!calls_.empty()) {
    FailFirst(
        MakeError(absl::StatusCode::kUnavailable, "DRAINING", "the worker is draining; ask again"));
  }
  ForgetAll();
  End();
}

// Only the timer that finds nothing asked since has something to say.
void Predictor::WatchIdleness() {
  lane_.After(options_.idle_limit, [this, last = last_number_] {
    if (phase_ == Phase::kIdle && last == last_number_) End();
  });
}

void Predictor::End() {
  if (process_ == nullptr || phase_ == Phase::kEnding) return;
  phase_ = Phase::kEnding;
  process_->Kill(SIGKILL);
}

void Predictor::AnswerFirst(const PredictionFrame& frame) {
  absl::StatusOr<v1::PredictionAnswer> answer = Decode(frame);
  if (answer.ok() && answer->rows_size() != calls_.front().order.rows_size()) {
    answer = absl::InternalError("the predictor answered another number of rows");
  }
  if (!answer.ok()) return FailFirst(answer.status());
  answer->set_call_id(calls_.front().order.call_id());
  calls_.pop_front();
  callbacks_.answer(*std::move(answer));
}

void Predictor::FailFirst(const absl::Status& status) {
  const Call call = std::move(calls_.front());
  calls_.pop_front();
  Fail(call.order, status);
}

void Predictor::Fail(const v1::PredictOrder& order, const absl::Status& status) {
  v1::PredictionAnswer answer;
  answer.set_call_id(order.call_id());
  *answer.mutable_failure() = Encode(status);
  callbacks_.answer(std::move(answer));
}

}  // namespace attune
