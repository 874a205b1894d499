// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/checkpoint_fallback.h"

#include <string>

#include "base/errors.h"
#include "server/jobs/proto_time.h"
#include "server/store/events_table.h"

namespace attune {

absl::Status FallBackFromCheckpoint(Transaction& transaction, JobRecord& record,
                                    const AttemptRecord& attempt, std::string_view why,
                                    absl::Time now) {
  const int64_t step = attempt.start_step;
  if (step == 0 || record.job.committed_step() != step) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(MarkCheckpointBad(transaction, attempt.job_id, step));
  ATTUNE_ASSIGN_OR_RETURN(const auto sound, NewestCheckpoint(transaction, attempt.job_id));
  record.job.set_committed_step(sound ? sound->checkpoint.step() : 0);
  record.stalled_ends = 0;
  ATTUNE_RETURN_IF_ERROR(PutJob(transaction, record));

  v1::JobEvent event;
  event.set_job(record.job.name());
  event.set_attempt(attempt.attempt);
  *event.mutable_event_time() = ToTimestamp(now);
  v1::CheckpointDamage& damage = *event.mutable_checkpoint_damage();
  damage.set_step(step);
  damage.set_fallback_step(record.job.committed_step());
  damage.set_message(std::string(why));
  return AppendEvent(transaction, attempt.job_id, std::move(event));
}

}  // namespace attune
