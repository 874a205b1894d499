// SPDX-License-Identifier: Apache-2.0
// The reports of one attempt, applied (lifecycle R1, R7): the body of report_ingest's transaction.
// One object a request.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/worker_service.pb.h"
#include "base/clock.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/leases.h"
#include "server/store/store.h"

namespace attune {

// What is left to do once the transaction is committed.
struct AppliedReports {
  int64_t next_index = 0;
  std::string job_uid, task;
  std::vector<v1::LogChunk> logs;
  // For the counters.
  int64_t samples = 0, tokens = 0, steps = 0;
  std::map<std::string, double> stage_seconds;
  int64_t nonfinite = 0;
  std::vector<v1::Checkpoint> checkpoints;
};

class ReportApplier {
 public:
  ReportApplier(Transaction& transaction, JobLifecycle& lifecycle, Leases& leases,
                const Clock& clock)
      : transaction_(transaction), lifecycle_(lifecycle), leases_(leases), clock_(clock) {}

  // Errors as WorkerService.ReportAttempt lists them; the transaction must then be rolled back.
  absl::StatusOr<AppliedReports> Apply(const v1::ReportAttemptRequest& request);

 private:
  absl::Status Load(const v1::ReportAttemptRequest& request);
  absl::Status CheckGuards(const v1::ReportAttemptRequest& request);
  absl::Status ApplyOne(const v1::AttemptReport& report);
  absl::Status OnStarted(const v1::Started& started);
  absl::Status OnPhase(const v1::Phase& phase);
  absl::Status OnMetrics(v1::StepMetrics metrics);
  absl::Status OnEvaluation(const v1::Evaluation& evaluation);
  absl::Status OnCheckpoint(const v1::Checkpoint& checkpoint);
  absl::Status OnSucceeded(const v1::Succeeded& succeeded);
  absl::Status OnFailed(v1::Failed failed);
  absl::Status OnStopped(const v1::Stopped& stopped);
  absl::Status OnNotice(const v1::Notice& notice);
  absl::Status Finish();

  absl::Status End(v1::Attempt::State state, std::string_view message);
  absl::Status CheckStep(int64_t step) const;
  void Count(const v1::StepMetrics& metrics);
  v1::JobEvent NewEvent() const;

  Transaction& transaction_;
  JobLifecycle& lifecycle_;
  Leases& leases_;
  const Clock& clock_;

  JobRecord record_;
  AttemptRecord attempt_;
  std::optional<v1::StepMetrics> last_;  // of this attempt
  std::vector<v1::StepMetrics> rows_;
  bool progressed_ = false;
  AppliedReports applied_;
};

}  // namespace attune
