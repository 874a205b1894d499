// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/job_view.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"

namespace attune {

using google::protobuf::util::TimeUtil;

v1::Job PresentJob(v1::Job job, const QueueView& queue) {
  job.clear_queue();
  if (job.state() != v1::Job::QUEUED) return job;
  const auto place = queue.Find(job.name().substr(5));
  if (!place) return job;
  job.mutable_queue()->set_position(place->position);
  job.mutable_queue()->set_length(place->length);
  if (!place->why.empty()) job.set_reason_message(place->why);
  return job;
}

v1::Attempt PresentAttempt(const AttemptRecord& record) {
  v1::Attempt attempt;
  attempt.set_name(absl::StrCat("jobs/", record.job_id, "/attempts/", record.attempt));
  attempt.set_attempt(record.attempt);
  attempt.set_fence(record.fence);
  attempt.set_state(record.state);
  attempt.set_worker(absl::StrCat("workers/", record.worker_id));
  attempt.set_start_step(record.start_step);
  attempt.set_threads(record.threads);
  *attempt.mutable_grant_time() = TimeUtil::MillisecondsToTimestamp(record.grant_unix_ms);
  if (record.end_unix_ms > 0) {
    *attempt.mutable_end_time() = TimeUtil::MillisecondsToTimestamp(record.end_unix_ms);
  }
  attempt.set_end_message(record.end_message);
  return attempt;
}

}  // namespace attune
