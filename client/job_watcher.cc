// SPDX-License-Identifier: Apache-2.0
#include "client/job_watcher.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/client_errors.h"

namespace attune {
namespace {

// A stream that broke can be resumed, whatever code the break is reported with; an answer about the
// request itself cannot.
bool IsAboutTheRequest(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

absl::Status Interrupted() {
  return ClientError(ClientReason::kInterrupted, "interrupted", "the job goes on by itself");
}

absl::Status EndsTooEarly(const std::string& name) {
  return ClientError(ClientReason::kServerFault,
                     absl::StrCat("the server ends the watch of ", name,
                                  " again and again although the job is not final"),
                     "look at the server's log");
}

}  // namespace

bool HasEnded(v1::Job::State state) {
  return state == v1::Job::SUCCEEDED || state == v1::Job::FAILED || state == v1::Job::CANCELLED;
}

JobWatcher::JobWatcher(Connection& connection, WatchObserver& observer, Rng& rng,
                       WatchOptions options)
    : connection_(connection),
      observer_(observer),
      options_(std::move(options)),
      backoff_(options_.backoff, rng),
      last_message_(connection.clock().SinceBoot()),
      last_sequence_(options_.after_sequence) {}

absl::StatusOr<v1::Job> JobWatcher::Watch(const std::string& name) {
  bool known_final = false;  // before the stream that ended last was opened
  while (true) {
    const absl::Status end = ReadStream(name);
    if (connection_.interruption().triggered()) return Interrupted();
    if (!end.ok() && IsAboutTheRequest(end)) return end;
    if (end.ok() || final_event_) {
      auto job = GetJob(name);
      if (!job.ok() && IsAboutTheRequest(job.status())) return job.status();
      const bool is_final = job.ok() && HasEnded(job->state());
      // Without the final event the stream may have ended before it: one more says whether.
      if (is_final && (final_event_ || known_final)) return job;
      if (std::exchange(known_final, is_final) != is_final) continue;
    }
    if (WaitToReconnect(end)) continue;
    if (connection_.interruption().triggered()) return Interrupted();
    return end.ok() ? EndsTooEarly(name) : end;
  }
}

absl::StatusOr<v1::Job> JobWatcher::GetJob(const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(name);
  return connection_.Call(&v1::JobService::Stub::GetJob, request);
}

absl::Status JobWatcher::ReadStream(const std::string& name) {
  v1::WatchJobRequest request;
  request.set_name(name);
  if (last_sequence_) request.set_after_sequence(*last_sequence_);
  auto context = connection_.NewContext();
  Interruption::Scope scope(connection_.interruption(), *context);
  auto stream = connection_.stub<v1::JobService::Stub>().WatchJob(context.get(), request);
  v1::WatchJobResponse update;
  absl::Status delivered;
  while (delivered.ok() && stream->Read(&update)) delivered = Deliver(update);
  if (!delivered.ok()) context->TryCancel();
  const absl::Status end = connection_.StatusOf(stream->Finish());
  return delivered.ok() ? end : delivered;
}

absl::Status JobWatcher::Deliver(const v1::WatchJobResponse& update) {
  last_message_ = connection_.clock().SinceBoot();
  backoff_.Reset();
  heard_ = true;
  told_outage_ = false;
  if (update.has_event()) return DeliverEvent(update.event());
  if (update.has_metrics()) observer_.OnMetrics(update.metrics());
  return absl::OkStatus();
}

absl::Status JobWatcher::DeliverEvent(const v1::JobEvent& event) {
  if (last_sequence_ && event.sequence() <= *last_sequence_) return absl::OkStatus();
  if (last_sequence_ && event.sequence() > *last_sequence_ + 1) {
    // Resuming from the last sequence fills the hole.
    return absl::DataLossError(
        absl::StrCat("event ", event.sequence(), " came after event ", *last_sequence_));
  }
  last_sequence_ = event.sequence();
  if (event.has_state()) {
    final_event_ = HasEnded(static_cast<v1::Job::State>(event.state().state()));
  }
  observer_.OnEvent(event);
  return absl::OkStatus();
}

bool JobWatcher::WaitToReconnect(const absl::Status& why) {
  const absl::Duration patience = heard_ ? options_.patience : options_.first_patience;
  const absl::Duration delay = backoff_.Next();
  if (connection_.clock().SinceBoot() - last_message_ + delay > patience) return false;
  if (heard_ && !std::exchange(told_outage_, true)) observer_.OnDisconnected(why);
  return connection_.interruption().WaitFor(delay);
}

}  // namespace attune
