// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/queue_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/job_inputs.h"
#include "server/jobs/job_validator.h"
#include "server/jobs/proto_time.h"
#include "server/jobs/retry_policy.h"
#include "server/store/attempts_table.h"
#include "server/store/inputs_table.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

absl::StatusOr<Demand> ReadDemand(const Snapshot& snapshot, const JobRecord& record) {
  const v1::JobSpec& spec = record.job.spec();
  ATTUNE_ASSIGN_OR_RETURN(const std::string base, ParseResourceName("models", ModelNameOf(spec)));
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model model, GetModel(snapshot, base));
  Demand demand;
  demand.task = TaskName(spec);
  demand.model_type = model.model_type();
  demand.memory_bytes =
      std::max(spec.resources().memory_bytes(), record.job.memory().estimated_bytes());
  demand.memory_is_estimate = demand.memory_bytes > spec.resources().memory_bytes();
  demand.labels = {spec.resources().worker_labels().begin(),
                   spec.resources().worker_labels().end()};
  demand.threads = record.threads > 0 ? record.threads : spec.resources().threads();
  return demand;
}

WorkerOffer OfferOf(const WorkerRecord& record) {
  const v1::WorkerInventory& inventory = record.worker.inventory();
  WorkerOffer offer;
  offer.id = record.id();
  offer.connected =
      record.worker.state() == v1::Worker::ONLINE || record.worker.state() == v1::Worker::DRAINING;
  offer.draining = record.worker.state() == v1::Worker::DRAINING;
  offer.model_families = {inventory.model_families().begin(), inventory.model_families().end()};
  offer.tasks = {inventory.tasks().begin(), inventory.tasks().end()};
  offer.labels = {inventory.labels().begin(), inventory.labels().end()};
  offer.memory_per_slot_bytes = inventory.memory_per_slot_bytes();
  offer.threads_per_slot = inventory.threads_per_slot();
  offer.slots = inventory.slots();
  offer.free_slots = inventory.slots();
  return offer;
}

}  // namespace

absl::StatusOr<std::optional<WaitingJob>> ReadWaitingJob(const Snapshot& snapshot,
                                                         const JobRecord& record,
                                                         const Clock& clock) {
  const v1::Job& job = record.job;
  const bool lapsed = job.state() == v1::Job::RUNNING && job.reason() == v1::Job::WORKER_SILENT;
  if (job.state() != v1::Job::QUEUED && !lapsed) return std::nullopt;
  WaitingJob waiting;
  waiting.candidate.job_id = record.id();
  ATTUNE_ASSIGN_OR_RETURN(waiting.candidate.demand, ReadDemand(snapshot, record));
  if (lapsed) {
    ATTUNE_ASSIGN_OR_RETURN(waiting.candidate.not_on, ParseResourceName("workers", job.worker()));
  }
  waiting.priority = job.priority();
  waiting.number = record.number;
  waiting.lapsed = lapsed;
  waiting.queued_at = FromTimestamp(job.update_time());
  waiting.due = clock.SinceBoot();
  if (job.has_not_before_time()) {
    // Within a backoff's bounds, even when somebody has set the wall clock.
    waiting.due += std::clamp(FromTimestamp(job.not_before_time()) - clock.Now(),
                              absl::ZeroDuration(), kMaxRetryDelay);
  }
  return waiting;
}

absl::StatusOr<std::vector<WorkerOffer>> ReadOffers(const Snapshot& snapshot) {
  ATTUNE_ASSIGN_OR_RETURN(const auto workers, ListWorkers(snapshot));
  ATTUNE_ASSIGN_OR_RETURN(const auto held, ListHeldSlots(snapshot));
  std::vector<WorkerOffer> offers;
  for (const WorkerRecord& worker : workers) {
    offers.push_back(OfferOf(worker));
    WorkerOffer& offer = offers.back();
    offer.free_slots -= static_cast<int>(std::count_if(
        held.begin(), held.end(), [&](const AttemptRecord& a) { return a.worker_id == offer.id; }));
  }
  return offers;
}

void QueueModel::Put(WaitingJob job) {
  Remove(job.candidate.job_id);
  const std::string id = job.candidate.job_id;
  const WaitingJob& kept = jobs_[id] = std::move(job);
  const Rank rank = RankOf(kept);
  candidates_[rank] = &kept;
  if (!kept.lapsed) queue_.insert(std::lower_bound(queue_.begin(), queue_.end(), rank), rank);
}

void QueueModel::Remove(std::string_view job_id) {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end()) return;
  const Rank rank = RankOf(found->second);
  candidates_.erase(rank);
  if (!found->second.lapsed) queue_.erase(std::lower_bound(queue_.begin(), queue_.end(), rank));
  jobs_.erase(found);
}

void QueueModel::MarkPending(const Placement& placement) {
  pending_[placement.job_id] = placement.worker_id;
}

std::vector<WorkerOffer> QueueModel::OffersLeft() const {
  std::vector<WorkerOffer> left = workers_;
  for (WorkerOffer& offer : left) {
    offer.free_slots -= static_cast<int>(std::count_if(
        pending_.begin(), pending_.end(), [&](const auto& p) { return p.second == offer.id; }));
  }
  return left;
}

std::vector<Placement> QueueModel::Decide(absl::Duration now) const {
  std::vector<WorkerOffer> offers = OffersLeft();
  const bool any_free = std::any_of(offers.begin(), offers.end(), [](const WorkerOffer& w) {
    return w.connected && w.free_slots > 0;
  });
  if (!any_free) return {};
  std::vector<const Candidate*> order;
  for (const auto& [rank, job] : candidates_) {
    const bool ready = job->due <= now && !pending_.contains(job->candidate.job_id);
    if (ready) order.push_back(&job->candidate);
  }
  return Place(order, std::move(offers));
}

std::optional<absl::Duration> QueueModel::NextDue(absl::Duration now) const {
  std::optional<absl::Duration> next;
  for (const auto& [id, job] : jobs_) {
    if (job.due > now && (!next || job.due < *next)) next = job.due;
  }
  return next;
}

std::optional<QueuePlace> QueueModel::Find(std::string_view job_id, absl::Duration now) const {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end() || found->second.lapsed) return std::nullopt;
  const WaitingJob& job = found->second;
  QueuePlace place;
  place.position = static_cast<int>(std::lower_bound(queue_.begin(), queue_.end(), RankOf(job)) -
                                    queue_.begin() + 1);
  place.length = static_cast<int>(queue_.size());
  place.why = job.due > now
                  ? absl::StrCat("an attempt failed; the next one starts in ",
                                 absl::ToInt64Seconds(job.due - now) + 1, " s at the earliest")
                  : Explain(job.candidate.demand, OffersLeft(), place.position - 1);
  return place;
}

std::optional<absl::Time> QueueModel::OldestPending() const {
  std::optional<absl::Time> oldest;
  for (const auto& [id, job] : jobs_) {
    if (!job.lapsed && (!oldest || job.queued_at < *oldest)) oldest = job.queued_at;
  }
  return oldest;
}

}  // namespace attune
