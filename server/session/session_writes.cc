// SPDX-License-Identifier: Apache-2.0
#include "server/session/session_writes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/proto_time.h"
#include "server/store/workers_table.h"

namespace attune {
namespace {

absl::StatusOr<WorkerRecord> FindOrNew(const Snapshot& snapshot, const std::string& worker_id) {
  absl::StatusOr<WorkerRecord> found = GetWorker(snapshot, worker_id);
  if (!absl::IsNotFound(found.status())) return found;
  WorkerRecord record;
  record.worker.set_name(ResourceName("workers", worker_id));
  return record;
}

absl::Status ApplyPlan(Transaction& transaction, Leases& leases, const HelloPlan& plan,
                       bool other_boot) {
  for (const AttemptRecord& attempt : plan.dead) {
    const std::string how = absl::StrCat("workers/", attempt.worker_id,
                                         other_boot ? " was booted anew" : " came back without it");
    ATTUNE_RETURN_IF_ERROR(leases.ProveDead(transaction, attempt, how));
  }
  for (AttemptRecord attempt : plan.free_slot) {
    ATTUNE_RETURN_IF_ERROR(FreeSlot(transaction, attempt));
  }
  for (const AttemptRecord& attempt : plan.alive) {
    ATTUNE_RETURN_IF_ERROR(leases.Revive(transaction, attempt.fence, attempt.job_id));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HelloOutcome> WriteHello(Transaction& transaction, Leases& leases,
                                        const v1::Hello& hello, absl::Time now) {
  ATTUNE_ASSIGN_OR_RETURN(WorkerRecord record, FindOrNew(transaction, hello.worker_id()));
  const bool known = record.worker.session_count() > 0;
  const bool other_boot = known && record.boot_id != hello.boot_id();
  HelloOutcome outcome;
  outcome.restarted = known && record.agent_instance != hello.agent_instance();

  record.boot_id = hello.boot_id();
  record.agent_instance = hello.agent_instance();
  record.worker.set_state(hello.draining() ? v1::Worker::DRAINING : v1::Worker::ONLINE);
  *record.worker.mutable_inventory() = hello.inventory();
  *record.worker.mutable_last_heartbeat_time() = ToTimestamp(now);
  record.worker.set_session_count(record.worker.session_count() + 1);
  ATTUNE_RETURN_IF_ERROR(PutWorker(transaction, record));
  transaction.Touch(TopicKind::kWorker, hello.worker_id());

  ATTUNE_ASSIGN_OR_RETURN(const auto attempts, ListWorkerAttempts(transaction, hello.worker_id()));
  HelloPlan plan = PlanHello(attempts, hello, other_boot);
  ATTUNE_RETURN_IF_ERROR(ApplyPlan(transaction, leases, plan, other_boot));
  outcome.stale = std::move(plan.stale);
  return outcome;
}

absl::Status WriteHeartbeat(Transaction& transaction, Leases& leases, std::string_view worker_id,
                            const HeartbeatChanges& changes, v1::Worker::State state,
                            absl::Time now) {
  for (const HeartbeatChanges::Attempt& attempt : changes.revived) {
    ATTUNE_RETURN_IF_ERROR(leases.Revive(transaction, attempt.fence, attempt.job_id));
  }
  if (!changes.dead.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(auto attempts, ListWorkerAttempts(transaction, worker_id));
    for (AttemptRecord& attempt : attempts) {
      const bool dead =
          std::find(changes.dead.begin(), changes.dead.end(), attempt.fence) != changes.dead.end();
      if (dead && attempt.slot_held) ATTUNE_RETURN_IF_ERROR(FreeSlot(transaction, attempt));
    }
  }
  for (int64_t directive_id : changes.answered_directives) {
    ATTUNE_RETURN_IF_ERROR(AnswerDirective(transaction, worker_id, directive_id));
  }
  if (!changes.state_changed) return absl::OkStatus();
  return WriteWorkerState(transaction, worker_id, state, now);
}

absl::Status WriteWorkerState(Transaction& transaction, std::string_view worker_id,
                              v1::Worker::State state, absl::Time now) {
  absl::StatusOr<WorkerRecord> record = GetWorker(transaction, worker_id);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(record.status());
  record->worker.set_state(state);
  *record->worker.mutable_last_heartbeat_time() = ToTimestamp(now);
  transaction.Touch(TopicKind::kWorker, std::string(worker_id));
  return PutWorker(transaction, *record);
}

}  // namespace attune
