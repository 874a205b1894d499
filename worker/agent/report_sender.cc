// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/report_sender.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/logging.h"

namespace attune {
namespace {

constexpr size_t kMaxBatchReports = 256;
constexpr int64_t kMaxBatchBytes = 1 << 20;

}  // namespace

ReportVerdict JudgeReportAnswer(const absl::StatusOr<v1::ReportAttemptResponse>& answer) {
  using Action = ReportVerdict::Action;
  if (answer.ok()) return {Action::kAcknowledge, answer->next_index()};
  const ErrorDetail detail = GetErrorDetail(answer.status());
  switch (answer.status().code()) {
    case absl::StatusCode::kAborted:
      return {detail.reason == "STALE_ATTEMPT" ? Action::kStale : Action::kRetry};
    case absl::StatusCode::kOutOfRange: {
      const auto found = detail.metadata.find("next_index");
      int64_t next_index = 0;
      if (found == detail.metadata.end() || !absl::SimpleAtoi(found->second, &next_index)) {
        return {Action::kRetry};
      }
      return {Action::kResendFrom, next_index};
    }
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return {Action::kReject};
    default:
      return {Action::kRetry};
  }
}

ReportSender::ReportSender(Executor& executor, Transport& transport, Rng& rng, EventOutbox& outbox,
                           Callbacks callbacks, BackoffOptions backoff)
    : lane_(executor),
      transport_(transport),
      outbox_(outbox),
      callbacks_(std::move(callbacks)),
      backoff_(backoff, rng) {}

void ReportSender::Wake() {
  if (!in_flight_ && !ended_ && retry_ == 0) Send();
}

void ReportSender::WakeNow() {
  if (retry_ != 0) lane_.executor().Cancel(std::exchange(retry_, 0));
  backoff_.Reset();
  Wake();
}

void ReportSender::Send() {
  if (!outbox_.flushed() && !outbox_.Flush().ok()) RetryLater();
  std::vector<v1::AttemptReport> reports =
      outbox_.Batch(outbox_.acknowledged(), kMaxBatchReports, kMaxBatchBytes);
  if (reports.empty() || !callbacks_.may_send()) return;
  if (!outbox_.Sync().ok()) return RetryLater();
  v1::ReportAttemptRequest request;
  request.set_job(outbox_.identity().job());
  request.set_attempt(outbox_.identity().attempt());
  request.set_fence(outbox_.identity().fence());
  request.set_first_index(outbox_.acknowledged());
  for (v1::AttemptReport& report : reports) *request.add_reports() = std::move(report);
  in_flight_ = true;
  transport_.ReportAttempt(
      std::move(request),
      lane_.Bind([this](const absl::StatusOr<v1::ReportAttemptResponse>& a) { OnAnswer(a); }));
}

void ReportSender::OnAnswer(const absl::StatusOr<v1::ReportAttemptResponse>& answer) {
  using Action = ReportVerdict::Action;
  in_flight_ = false;
  const ReportVerdict verdict = JudgeReportAnswer(answer);
  switch (verdict.action) {
    case Action::kAcknowledge:
      // An answer that moves nothing would be asked for again at once, for ever.
      if (verdict.next_index <= outbox_.acknowledged()) return RetryLater();
      backoff_.Reset();
      outbox_.Acknowledge(verdict.next_index);
      Wake();
      return callbacks_.on_acknowledged();
    case Action::kResendFrom:
      return ResendFrom(verdict.next_index);
    case Action::kStale:
      return EndWith(End::kStale, answer.status());
    case Action::kReject:
      return EndWith(End::kRejected, answer.status());
    case Action::kRetry:
      LogWarning("the server did not take reports; trying again",
                 {{"job", outbox_.identity().job()},
                  {"attempt", Str(outbox_.identity().attempt())},
                  {"status", answer.status().ToString()}});
      return RetryLater();
  }
}

void ReportSender::ResendFrom(int64_t index) {
  if (index < outbox_.acknowledged()) {
    return EndWith(
        End::kRejected,
        absl::DataLossError(absl::StrCat(
            "the server asks for report ", index, ", but it acknowledged everything below ",
            outbox_.acknowledged(), "; its data folder is older than this attempt")));
  }
  outbox_.Acknowledge(index);  // a hole at `index` says that everything below is there
  RetryLater();
}

void ReportSender::RetryLater() {
  if (retry_ != 0) return;
  retry_ = lane_.After(backoff_.Next(), [this] {
    retry_ = 0;
    Wake();
  });
}

void ReportSender::EndWith(End end, const absl::Status& why) {
  ended_ = true;
  callbacks_.on_end(end, why);
}

}  // namespace attune
