// SPDX-License-Identifier: Apache-2.0
#include "server/store/write_lane.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errors.h"
#include "base/logging.h"

namespace attune {
namespace {

constexpr size_t kMaxUrgentBatch = 2000;
constexpr size_t kMaxBulkBatch = 500;
constexpr absl::Duration kMaxBulkTime = absl::Milliseconds(10);
constexpr int kBulkPatience = 32;  // urgent transactions after which waiting bulk gets one
constexpr absl::Duration kBusyDelay = absl::Milliseconds(10);
constexpr int64_t kCheckpointFrames = 1000;
constexpr int64_t kTruncateBytes = 32 << 20;

int64_t WalBytes(int64_t frames, int64_t page_bytes) {
  constexpr int64_t kHeaderBytes = 32, kFrameHeaderBytes = 24;
  return frames == 0 ? 0 : kHeaderBytes + frames * (page_bytes + kFrameHeaderBytes);
}

absl::Status Broken() {
  return absl::UnavailableError(
      "the database failed and the server is stopping; whether this write was kept is not known: "
      "send the call again once it is back");
}

absl::Status QueueFull(size_t limit) {
  absl::Status status = MakeError(
      absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
      absl::StrCat(limit, " writes are waiting for the disk, which is the limit; try again later"));
  ErrorDetail detail = GetErrorDetail(status);
  detail.retry_after_seconds = 1;
  SetErrorDetail(status, detail);
  return status;
}

}  // namespace

WriteLane::WriteLane(std::unique_ptr<Database> database, CommitMarker marker, int64_t commit,
                     size_t max_queued, Executor& executor, ChangeFeed& changes,
                     std::function<void(absl::Status)> on_fatal)
    : database_(std::move(database)),
      marker_(std::move(marker)),
      commit_(commit),
      max_queued_(max_queued),
      executor_(executor),
      changes_(changes),
      on_fatal_(std::move(on_fatal)) {}

void WriteLane::Enqueue(Lane lane, Store::Body body, Store::Done done) {
  absl::Status refused;
  bool start_drain = false;
  {
    absl::MutexLock lock(&mutex_);
    std::deque<Request>& queue = lane == Lane::kUrgent ? urgent_ : bulk_;
    if (broken_) {
      refused = Broken();
    } else if (queue.size() >= max_queued_) {
      refused = QueueFull(max_queued_);
    } else {
      queue.push_back({std::move(body), std::move(done)});
      start_drain = !std::exchange(draining_, true);
    }
  }
  if (start_drain) executor_.Post([this] { Drain(); });
  if (!refused.ok()) {
    executor_.Post([done = std::move(done), refused]() mutable { done(refused); });
  }
}

StoreStats WriteLane::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

void WriteLane::Drain() {
  std::deque<Request> batch;
  if (!TakeBatch(batch)) return;
  if (const absl::Status begun = database_->Execute("BEGIN IMMEDIATE"); begun.ok()) {
    RunBatch(batch);
  } else if (absl::IsUnavailable(begun)) {
    // Somebody looks at the file with a tool of his own and holds its lock.
    PutBack(batch);
    executor_.PostAfter(kBusyDelay, [this] { Drain(); });
    return;
  } else {
    std::vector<Answer> answers;
    for (Request& request : batch) answers.push_back({std::move(request.done), begun, {}});
    if (database_->failure().ok()) {
      Finish(std::move(answers));
    } else {
      Break(begun, std::move(answers));
    }
  }
  executor_.Post([this] { Drain(); });
}

// False, and no Drain is due any more, when nothing waits.
bool WriteLane::TakeBatch(std::deque<Request>& batch) {
  absl::MutexLock lock(&mutex_);
  if (broken_ || (urgent_.empty() && bulk_.empty())) {
    draining_ = false;
    return false;
  }
  const bool bulk_is_due = !bulk_.empty() && urgent_in_a_row_ >= kBulkPatience;
  batch_is_bulk_ = urgent_.empty() || bulk_is_due;
  urgent_in_a_row_ = batch_is_bulk_ || bulk_.empty() ? 0 : urgent_in_a_row_ + 1;
  std::deque<Request>& queue = batch_is_bulk_ ? bulk_ : urgent_;
  const size_t limit = batch_is_bulk_ ? kMaxBulkBatch : kMaxUrgentBatch;
  if (queue.size() <= limit) {
    batch.swap(queue);
  } else {
    const auto end = queue.begin() + static_cast<std::ptrdiff_t>(limit);
    std::move(queue.begin(), end, std::back_inserter(batch));
    queue.erase(queue.begin(), end);
  }
  return true;
}

void WriteLane::PutBack(std::deque<Request>& batch) {
  absl::MutexLock lock(&mutex_);
  ++stats_.busy;
  std::deque<Request>& queue = batch_is_bulk_ ? bulk_ : urgent_;
  queue.insert(queue.begin(), std::make_move_iterator(batch.begin()),
               std::make_move_iterator(batch.end()));
}

void WriteLane::RunBatch(std::deque<Request>& batch) {
  const absl::Duration start = executor_.clock().SinceBoot();
  const int64_t changes_before = database_->total_changes();
  std::vector<Answer> answers;
  answers.reserve(batch.size());
  RunBodies(batch, batch_is_bulk_, answers);
  absl::Status committed = database_->failure();
  if (committed.ok()) {
    committed = database_->in_transaction() ? CommitBatch(changes_before) : answers.back().status;
  }
  if (!committed.ok()) {
    if (database_->in_transaction()) database_->Execute("ROLLBACK").IgnoreError();
    for (Answer& answer : answers) {
      if (answer.status.ok()) answer.status = committed;
    }
  }
  if (!committed.ok() && !absl::IsResourceExhausted(committed)) {
    Break(committed, std::move(answers));
    return;
  }
  CountTransaction(answers.size(), executor_.clock().SinceBoot() - start);
  Finish(std::move(answers));
  MaybeCheckpoint();
}

// Until the batch is through, its time is up, or the transaction is lost. What is left goes back.
void WriteLane::RunBodies(std::deque<Request>& batch, bool bulk, std::vector<Answer>& answers) {
  const absl::Duration start = executor_.clock().SinceBoot();
  while (!batch.empty()) {
    Request request = std::move(batch.front());
    batch.pop_front();
    std::set<Topic> topics;
    absl::Status status = RunBody(request, topics);
    answers.push_back({std::move(request.done), std::move(status), std::move(topics)});
    if (!database_->failure().ok() || !database_->in_transaction()) break;
    if (bulk && executor_.clock().SinceBoot() - start >= kMaxBulkTime) break;
  }
  if (batch.empty()) return;
  absl::MutexLock lock(&mutex_);
  std::deque<Request>& queue = bulk ? bulk_ : urgent_;
  queue.insert(queue.begin(), std::make_move_iterator(batch.begin()),
               std::make_move_iterator(batch.end()));
}

absl::Status WriteLane::RunBody(Request& request, std::set<Topic>& topics) {
  ATTUNE_RETURN_IF_ERROR(database_->Execute("SAVEPOINT request"));
  Transaction transaction(*database_);
  absl::Status status = request.body(transaction);
  if (!database_->in_transaction()) {
    return OutOfSpaceError();  // on a full disk SQLite rolls everything back by itself
  }
  if (!status.ok()) {
    ATTUNE_RETURN_IF_ERROR(database_->Execute("ROLLBACK TO request; RELEASE request"));
    return status;
  }
  ATTUNE_RETURN_IF_ERROR(database_->Execute("RELEASE request"));
  topics = transaction.topics();
  return absl::OkStatus();
}

absl::Status WriteLane::CommitBatch(int64_t changes_before) {
  if (database_->total_changes() == changes_before) return database_->Execute("COMMIT");
  Statement number = database_->Prepare("UPDATE meta SET value = ? WHERE key = 'commit'");
  ATTUNE_RETURN_IF_ERROR(number.Bind(commit_ + 1).Run());
  ATTUNE_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  marker_.Note(++commit_);
  return absl::OkStatus();
}

void WriteLane::Finish(std::vector<Answer> answers) {
  std::set<Topic> topics;
  for (Answer& answer : answers) {
    if (answer.status.ok()) topics.merge(answer.topics);
    answer.done(answer.status);
  }
  changes_.Publish(topics);
}

void WriteLane::CountTransaction(size_t requests, absl::Duration took) {
  wal_file_frames_ = std::max(wal_file_frames_, database_->wal_frames());
  absl::MutexLock lock(&mutex_);
  ++stats_.transactions;
  stats_.transaction_seconds += absl::ToDoubleSeconds(took);
  stats_.requests += static_cast<int64_t>(requests);
  stats_.wal_bytes = WalBytes(wal_file_frames_, database_->page_bytes());
}

// A checkpoint that readers keep from the end is tried again some commits later.
void WriteLane::MaybeCheckpoint() {
  const int64_t frames = database_->wal_frames();
  // Once everything was copied, the WAL starts again from its beginning.
  frames_at_checkpoint_ = std::min(frames_at_checkpoint_, frames);
  const bool truncate = WalBytes(wal_file_frames_, database_->page_bytes()) > kTruncateBytes;
  if (frames - frames_at_checkpoint_ < (truncate ? kCheckpointFrames / 4 : kCheckpointFrames)) {
    return;
  }
  const auto result = database_->Checkpoint(truncate ? Database::CheckpointMode::kTruncate
                                                     : Database::CheckpointMode::kPassive);
  if (result.ok()) {
    frames_at_checkpoint_ = result->frames;
    if (truncate && result->complete) wal_file_frames_ = result->frames;
  } else if (!database_->failure().ok()) {
    Break(result.status(), {});
  } else {
    LogWarning("cannot checkpoint the write-ahead log",
               {{"error", Str(result.status().message())}});
    frames_at_checkpoint_ = frames;
  }
}

// Nothing is acknowledged any more: not what just failed (it may or may not be on disk: a failed
// fsync is never tried again), and nothing that waits.
void WriteLane::Break(absl::Status cause, std::vector<Answer> answers) {
  LogError("the database failed; no write is accepted any more", {{"error", Str(cause.message())}});
  std::deque<Request> waiting;
  {
    absl::MutexLock lock(&mutex_);
    broken_ = true;
    waiting.swap(urgent_);
    std::move(bulk_.begin(), bulk_.end(), std::back_inserter(waiting));
    bulk_.clear();
  }
  for (Answer& answer : answers) answer.done(Broken());
  for (Request& request : waiting) request.done(Broken());
  on_fatal_(std::move(cause));
}

}  // namespace attune
