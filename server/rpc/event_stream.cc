// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/event_stream.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/grpc_status.h"
#include "base/resource_name.h"
#include "server/jobs/job_state.h"
#include "server/rpc/unary.h"
#include "server/store/events_table.h"
#include "server/store/jobs_table.h"

namespace attune {

// One watcher. gRPC calls On… on its threads; Pump runs on the pool, one at a time (pumping_). The
// stream holds itself alive (self_) from Open to OnDone.
class WatchStream final : public grpc::ServerWriteReactor<v1::WatchJobResponse> {
 public:
  WatchStream(WatchStreams& owner, uint64_t id, std::string job_id, std::optional<int64_t> after)
      : owner_(owner), id_(id), job_id_(std::move(job_id)), requested_after_(after) {}

  void Start(std::shared_ptr<WatchStream> self) {
    std::weak_ptr<WatchStream> weak = self;
    {
      absl::MutexLock lock(&mutex_);
      self_ = std::move(self);
    }
    owner_.counters_.AddWatchStreams(1);
    subscription_ = owner_.store_.changes().Subscribe({TopicKind::kJob, job_id_},
                                                      [weak, pool = &owner_.pool_](const Topic&) {
                                                        pool->Post([weak] {
                                                          if (auto stream = weak.lock())
                                                            stream->Pump();
                                                        });
                                                      });
    Schedule();
  }

  // Ends the stream now, or after the write that is under way.
  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    EndLocked(status);
  }

  int64_t last_sequence() {
    absl::MutexLock lock(&mutex_);
    return sequence_;
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) EndLocked(absl::CancelledError("the watcher went away"));
      if (ending_ && !finished_) FinishLocked();
    }
    Schedule();
  }

  void OnCancel() override { End(absl::CancelledError("cancelled")); }

  void OnDone() override {
    std::shared_ptr<WatchStream> self;
    {
      absl::MutexLock lock(&mutex_);
      self = std::move(self_);
      owner_.pool_.Cancel(timer_);
    }
    subscription_.reset();
    owner_.counters_.AddWatchStreams(-1);
    owner_.Remove(id_);
  }

 private:
  void Schedule() {
    std::shared_ptr<WatchStream> self;
    {
      absl::MutexLock lock(&mutex_);
      self = self_;
    }
    if (self) owner_.pool_.Post([self] { self->Pump(); });
  }

  // Writes the next message, if there is one and none is under way.
  void Pump() {
    absl::MutexLock lock(&mutex_);
    if (writing_ || ending_ || finished_) return;
    absl::Status status = RunGuarded(
        owner_.counters_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return FillLocked(); });
    if (!status.ok()) return EndLocked(status);
    if (pending_.empty()) {
      if (final_) EndLocked(absl::OkStatus());
      return;
    }
    message_ = std::move(pending_.front());
    pending_.pop_front();
    if (message_.has_event()) sequence_ = message_.event().sequence();
    writing_ = true;
    StartWrite(&message_);
    ArmKeepAliveLocked();
  }

  // Reads what comes after sequence_ when nothing is pending.
  absl::Status FillLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!pending_.empty()) return absl::OkStatus();
    return owner_.store_.Read([this](Snapshot& snapshot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return ReadLocked(snapshot);
    });
  }

  absl::Status ReadLocked(Snapshot& snapshot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ATTUNE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(snapshot, job_id_));
    ATTUNE_ASSIGN_OR_RETURN(const int64_t newest, NewestSequence(snapshot, job_id_));
    if (!opened_ && requested_after_) {
      if (*requested_after_ > newest || *requested_after_ < 0) {
        return MakeError(absl::StatusCode::kOutOfRange, "SEQUENCE_AHEAD",
                         absl::StrCat("after_sequence ", *requested_after_,
                                      " is not one of this job's: the newest is ", newest),
                         {{"newest_sequence", absl::StrCat(newest)}});
      }
      sequence_ = *requested_after_;
    }
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<v1::JobEvent> events,
                            ListEvents(snapshot, job_id_, sequence_, owner_.options_.batch));
    for (const v1::JobEvent& event : events) *pending_.emplace_back().mutable_event() = event;
    if (events.empty()) ATTUNE_RETURN_IF_ERROR(AddMetricsLocked(snapshot));
    final_ = IsFinal(record.job.state()) &&
             (events.empty() ? sequence_ : events.back().sequence()) == newest;
    if (pending_.empty() && (!opened_ || keep_alive_due_)) {
      pending_.emplace_back().mutable_keep_alive()->set_sequence(newest);
    }
    opened_ = true;
    keep_alive_due_ = false;
    return absl::OkStatus();
  }

  // Latest wins: only the newest row that was not sent yet.
  absl::Status AddMetricsLocked(Snapshot& snapshot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ATTUNE_ASSIGN_OR_RETURN(const std::optional<v1::StepMetrics> latest,
                            LatestMetrics(snapshot, job_id_));
    if (!latest) return absl::OkStatus();
    const std::pair<int64_t, int64_t> mark(latest->attempt(), latest->step());
    if (mark == metrics_mark_) return absl::OkStatus();
    metrics_mark_ = mark;
    *pending_.emplace_back().mutable_metrics() = *latest;
    return absl::OkStatus();
  }

  void ArmKeepAliveLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    owner_.pool_.Cancel(timer_);
    std::weak_ptr<WatchStream> weak = self_;
    timer_ = owner_.pool_.PostAfter(owner_.options_.keep_alive, [weak] {
      auto stream = weak.lock();
      if (!stream) return;
      {
        absl::MutexLock lock(&stream->mutex_);
        stream->keep_alive_due_ = true;
      }
      stream->Pump();
    });
  }

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_) return;
    ending_ = true;
    end_status_ = status;
    if (!writing_) FinishLocked();
  }

  void FinishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    finished_ = true;
    Finish(ToGrpcStatus(end_status_));
  }

  WatchStreams& owner_;
  const uint64_t id_;
  const std::string job_id_;
  const std::optional<int64_t> requested_after_;
  std::unique_ptr<ChangeFeed::Subscription> subscription_;  // set once by Start, reset by OnDone
  absl::Mutex mutex_;
  std::shared_ptr<WatchStream> self_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::WatchJobResponse> pending_ ABSL_GUARDED_BY(mutex_);
  v1::WatchJobResponse message_ ABSL_GUARDED_BY(mutex_);
  int64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::pair<int64_t, int64_t> metrics_mark_ ABSL_GUARDED_BY(mutex_) = {0, 0};
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  bool keep_alive_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool final_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  Executor::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
};

namespace {

// A stream that only says why it cannot be.
class RefusedStream final : public grpc::ServerWriteReactor<v1::WatchJobResponse> {
 public:
  explicit RefusedStream(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

absl::Status Draining(std::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "DRAINING",
                   absl::StrCat("the server is stopping; ", std::string(what)));
}

}  // namespace

grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchStreams::Open(
    absl::Status authorised, const v1::WatchJobRequest& request) {
  if (!authorised.ok()) return new RefusedStream(authorised);
  absl::StatusOr<std::string> id = ParseResourceName("jobs", request.name());
  if (!id.ok()) return new RefusedStream(id.status());
  std::optional<int64_t> after;
  if (request.has_after_sequence()) after = request.after_sequence();

  std::shared_ptr<WatchStream> stream;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return new RefusedStream(Draining("call again when it is back"));
    if (static_cast<int>(streams_.size()) >= options_.max_streams) {
      return new RefusedStream(MakeError(
          absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
          absl::StrCat("there are ", options_.max_streams, " watch streams already; end some")));
    }
    stream = std::make_shared<WatchStream>(*this, next_id_, *std::move(id), after);
    streams_[next_id_++] = stream;
  }
  WatchStream* reactor = stream.get();
  reactor->Start(std::move(stream));
  return reactor;
}

void WatchStreams::CloseAll() {
  std::vector<std::shared_ptr<WatchStream>> open;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    for (auto& [id, weak] : streams_) {
      if (auto stream = weak.lock()) open.push_back(std::move(stream));
    }
  }
  for (auto& stream : open) {
    stream->End(Draining(absl::StrCat("resume after_sequence ", stream->last_sequence())));
  }
}

void WatchStreams::Remove(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(id);
}

}  // namespace attune
