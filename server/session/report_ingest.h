// SPDX-License-Identifier: Apache-2.0
// ReportAttempt: applies a batch of an attempt's reports in one guarded transaction (lifecycle R1,
// R7). Thread-safe; owned by the server's root.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "attune/v1/worker_service.pb.h"
#include "base/clock.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/leases.h"
#include "server/session/trainer_logs.h"
#include "server/store/store.h"

namespace attune {

class ReportIngest {
 public:
  ReportIngest(Store& store, JobLifecycle& lifecycle, Leases& leases, TrainerLogs& logs,
               JobCounters& counters, const Clock& clock);

  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::ReportAttemptResponse>)>;
  // `done` runs on the store's writer lane, after the commit.
  void Report(v1::ReportAttemptRequest request, Done done);

 private:
  Store& store_;
  JobLifecycle& lifecycle_;
  Leases& leases_;
  TrainerLogs& logs_;
  JobCounters& counters_;
  const Clock& clock_;
};

}  // namespace attune
