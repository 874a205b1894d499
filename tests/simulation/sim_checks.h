// SPDX-License-Identifier: Apache-2.0
// Stands in for server/inspection: after a while, the check of each VALIDATING job has a result.
// Lives on `lane`; not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/executor.h"
#include "base/rng.h"
#include "server/jobs/job_lifecycle.h"
#include "server/store/store.h"
#include "tests/simulation/job_plan.h"

namespace attune {

class SimChecks {
 public:
  SimChecks(Store& store, JobLifecycle& lifecycle, Executor& lane, Rng& rng)
      : store_(store), lifecycle_(lifecycle), lane_(lane), rng_(rng) {}

  // Everything that waited when the server ended is checked again.
  void Start() {
    subscription_ = store_.changes().SubscribeAll(
        TopicKind::kQueue, [this](const Topic& topic) { CheckLater(topic.key); });
    (void)store_.Read([&](Snapshot& snapshot) -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const auto waiting, ListJobIdsInState(snapshot, v1::Job::VALIDATING));
      for (const std::string& job_id : waiting) CheckLater(job_id);
      return absl::OkStatus();
    });
  }

 private:
  void CheckLater(const std::string& job_id) {
    lane_.PostAfter(absl::Seconds(3 * rng_.Uniform()), [this, job_id] {
      store_.Write(
          Lane::kUrgent,
          [this, job_id](Transaction& transaction) { return Check(transaction, job_id); },
          [this, job_id](const absl::Status& status) {
            if (!status.ok() && !absl::IsNotFound(status)) CheckLater(job_id);
          });
    });
  }
  absl::Status Check(Transaction& transaction, const std::string& job_id) {
    ATTUNE_ASSIGN_OR_RETURN(const JobRecord record, GetJob(transaction, job_id));
    if (record.job.state() != v1::Job::VALIDATING) return absl::OkStatus();
    CheckRecord check;
    check.ok = ChecksOut(record.job.spec().fine_tune());
    check.report_json = "{\"checked\":true}";
    if (!check.ok) check.message = "no row has a label";
    return lifecycle_.ApplyCheck(transaction, record.check_key, check);
  }

  Store& store_;
  JobLifecycle& lifecycle_;
  Executor& lane_;
  Rng& rng_;
  std::unique_ptr<ChangeFeed::Subscription> subscription_;
};

}  // namespace attune
