// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/scheduler.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "base/logging.h"
#include "server/scheduler/queue_model.h"

namespace attune {
namespace {

constexpr absl::Duration kTryAgain = absl::Seconds(1);
constexpr size_t kMaxJobsRead = 2000;  // a cycle, so that no read takes long

}  // namespace

// Cycles run on the executor; what changed since the last one is gathered from any thread.
struct Scheduler::Impl : std::enable_shared_from_this<Scheduler::Impl> {
  Impl(Store& store, Leases& leases, JobCounters& counters, Executor& executor)
      : store(store), leases(leases), counters(counters), executor(executor) {}

  void Subscribe();
  absl::Status Load();

  // ---- from anywhere ----
  void NoteJob(const std::string& job_id) ABSL_LOCKS_EXCLUDED(mutex);
  void NoteWorkers() ABSL_LOCKS_EXCLUDED(mutex);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // ---- on the executor ----
  void Cycle() ABSL_LOCKS_EXCLUDED(mutex);
  std::set<std::string> TakeChangedJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void ReadChanges() ABSL_LOCKS_EXCLUDED(mutex);
  absl::Status ReadJob(const Snapshot& snapshot, const std::string& job_id)
      ABSL_LOCKS_EXCLUDED(mutex);
  void Grant(const Placement& placement);
  void OnGranted(const Placement& placement, const absl::Status& status, bool granted)
      ABSL_LOCKS_EXCLUDED(mutex);
  void ArmTimer(std::optional<absl::Duration> due);
  void WakeLater();

  Store& store;
  Leases& leases;
  JobCounters& counters;
  Executor& executor;
  Executor::TimerId timer = 0;  // the executor's own
  std::vector<std::unique_ptr<ChangeFeed::Subscription>> subscriptions;

  mutable absl::Mutex mutex;
  QueueModel model ABSL_GUARDED_BY(mutex);
  std::set<std::string> changed_jobs ABSL_GUARDED_BY(mutex);
  bool workers_changed ABSL_GUARDED_BY(mutex) = false;
  bool woken ABSL_GUARDED_BY(mutex) = false;  // a cycle is posted
  bool stopped ABSL_GUARDED_BY(mutex) = false;
};

void Scheduler::Impl::Subscribe() {
  // The callbacks run on the store's lane, where this must not end: they note and post, no more.
  const auto on_topic = [weak = weak_from_this(), &executor = executor](const Topic& topic) {
    executor.Post([weak, topic] {
      auto self = weak.lock();
      if (!self) return;
      topic.kind == TopicKind::kQueue ? self->NoteJob(topic.key) : self->NoteWorkers();
    });
  };
  subscriptions.push_back(store.changes().SubscribeAll(TopicKind::kQueue, on_topic));
  subscriptions.push_back(store.changes().SubscribeAll(TopicKind::kWorker, on_topic));
}

absl::Status Scheduler::Impl::Load() {
  std::vector<QueueRow> rows;
  ATTUNE_RETURN_IF_ERROR(store.Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(rows, ListQueueRows(snapshot));
    return absl::OkStatus();
  }));
  absl::MutexLock lock(&mutex);
  for (const QueueRow& row : rows) changed_jobs.insert(row.job_id);
  workers_changed = true;
  Wake();
  return absl::OkStatus();
}

void Scheduler::Impl::NoteJob(const std::string& job_id) {
  absl::MutexLock lock(&mutex);
  changed_jobs.insert(job_id);
  Wake();
}

void Scheduler::Impl::NoteWorkers() {
  absl::MutexLock lock(&mutex);
  workers_changed = true;
  Wake();
}

void Scheduler::Impl::Wake() {
  if (std::exchange(woken, true)) return;
  executor.Post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->Cycle();
  });
}

void Scheduler::Impl::Cycle() {
  const absl::Duration begin = executor.clock().SinceBoot();
  ReadChanges();
  std::vector<Placement> placements;
  std::optional<absl::Duration> due;
  {
    absl::MutexLock lock(&mutex);
    // A job that was not read yet may come before all others.
    if (!stopped && changed_jobs.empty()) placements = model.Decide(begin);
    for (const Placement& placement : placements) model.MarkPending(placement);
    due = model.NextDue(begin);
  }
  for (const Placement& placement : placements) Grant(placement);
  ArmTimer(due);
  counters.SchedulerCycle(absl::ToDoubleSeconds(executor.clock().SinceBoot() - begin),
                          absl::ToDoubleSeconds(executor.clock().Now() - absl::UnixEpoch()));
}

std::set<std::string> Scheduler::Impl::TakeChangedJobs() {
  std::set<std::string> taken;
  while (taken.size() < kMaxJobsRead && !changed_jobs.empty()) {
    taken.insert(changed_jobs.extract(changed_jobs.begin()));
  }
  if (!changed_jobs.empty()) Wake();
  return taken;
}

// Rows first, without the lock: who asks for a position never waits for the disk.
void Scheduler::Impl::ReadChanges() {
  std::set<std::string> job_ids;
  bool workers = false;
  {
    absl::MutexLock lock(&mutex);
    woken = false;
    job_ids = TakeChangedJobs();
    workers = std::exchange(workers_changed, false);
  }
  const absl::Status status = store.Read([&](Snapshot& snapshot) -> absl::Status {
    for (const std::string& job_id : job_ids) {
      ATTUNE_RETURN_IF_ERROR(ReadJob(snapshot, job_id));
    }
    if (!workers) return absl::OkStatus();
    ATTUNE_ASSIGN_OR_RETURN(std::vector<WorkerOffer> offers, ReadOffers(snapshot));
    absl::MutexLock lock(&mutex);
    model.SetWorkers(std::move(offers));
    return absl::OkStatus();
  });
  if (status.ok()) return;
  LogError("the scheduler cannot read; trying again", {{"error", std::string(status.message())}});
  absl::MutexLock lock(&mutex);
  changed_jobs.merge(job_ids);
  workers_changed = workers_changed || workers;
  WakeLater();
}

absl::Status Scheduler::Impl::ReadJob(const Snapshot& snapshot, const std::string& job_id) {
  absl::StatusOr<std::optional<WaitingJob>> waiting = std::nullopt;
  absl::StatusOr<JobRecord> record = GetJob(snapshot, job_id);
  if (record.ok()) waiting = ReadWaitingJob(snapshot, *record, executor.clock());
  if (absl::IsNotFound(waiting.status())) {
    // It cannot run, but must not keep the others from it.
    LogError("a waiting job refers to what is not there", {{"job", job_id}});
    waiting = std::nullopt;
  }
  ATTUNE_RETURN_IF_ERROR(waiting.status());
  if (!record.ok() && !absl::IsNotFound(record.status())) return record.status();
  absl::MutexLock lock(&mutex);
  *waiting ? model.Put(**std::move(waiting)) : model.Remove(job_id);
  return absl::OkStatus();
}

void Scheduler::Impl::Grant(const Placement& placement) {
  auto granted = std::make_shared<bool>(false);  // shared by the two callbacks of one write
  store.Write(
      Lane::kUrgent,
      [&leases = leases, placement, granted](Transaction& transaction) {
        auto result =
            leases.Grant(transaction, {placement.job_id, placement.worker_id, placement.threads});
        *granted = result.ok() && result->granted;
        return result.status();
      },
      [weak = weak_from_this(), &executor = executor, placement, granted](absl::Status status) {
        executor.Post([weak, placement, granted, status] {
          if (auto self = weak.lock()) self->OnGranted(placement, status, *granted);
        });
      });
}

void Scheduler::Impl::OnGranted(const Placement& placement, const absl::Status& status,
                                bool granted) {
  if (!status.ok()) {
    LogWarning("a grant failed; trying again",
               {{"job", placement.job_id}, {"error", std::string(status.message())}});
  }
  absl::MutexLock lock(&mutex);
  model.Settle(placement.job_id);
  changed_jobs.insert(placement.job_id);
  workers_changed = true;
  // A refusal means that the rows had changed; what is read next will say so.
  status.ok() && granted ? Wake() : WakeLater();
}

void Scheduler::Impl::WakeLater() {
  executor.PostAfter(kTryAgain, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    absl::MutexLock lock(&self->mutex);
    self->Wake();
  });
}

void Scheduler::Impl::ArmTimer(std::optional<absl::Duration> due) {
  if (timer != 0) executor.Cancel(timer);
  timer = 0;
  if (!due) return;
  timer = executor.PostAt(*due, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    self->timer = 0;
    absl::MutexLock lock(&self->mutex);
    self->Wake();
  });
}

Scheduler::Scheduler(Store& store, Leases& leases, JobCounters& counters, Executor& executor)
    : impl_(std::make_shared<Impl>(store, leases, counters, executor)) {}

Scheduler::~Scheduler() = default;

absl::Status Scheduler::Start() {
  impl_->Subscribe();
  return impl_->Load();
}

void Scheduler::StopGranting() {
  absl::MutexLock lock(&impl_->mutex);
  impl_->stopped = true;
}

std::optional<QueuePlace> Scheduler::Find(std::string_view job_id) const {
  absl::MutexLock lock(&impl_->mutex);
  return impl_->model.Find(job_id, impl_->executor.clock().SinceBoot());
}

std::optional<absl::Time> Scheduler::OldestPending() const {
  absl::MutexLock lock(&impl_->mutex);
  return impl_->model.OldestPending();
}

}  // namespace attune
