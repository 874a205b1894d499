// SPDX-License-Identifier: Apache-2.0
#include "server/session/report_ingest.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "server/session/report_applier.h"

namespace attune {
namespace {

// Step metrics and log lines may wait behind everything else.
Lane LaneOf(const v1::ReportAttemptRequest& request) {
  const bool bulk =
      std::all_of(request.reports().begin(), request.reports().end(),
                  [](const v1::AttemptReport& r) { return r.has_metrics() || r.has_log(); });
  return bulk ? Lane::kBulk : Lane::kUrgent;
}

void CountApplied(JobCounters& counters, const AppliedReports& applied) {
  if (applied.steps > 0 || applied.samples > 0) {
    counters.Trained(applied.task, applied.samples, applied.tokens, applied.steps);
  }
  for (int64_t i = 0; i < applied.nonfinite; ++i) counters.NonFinite(applied.task);
  for (const auto& [stage, seconds] : applied.stage_seconds) counters.Stage(stage, seconds);
  for (const v1::Checkpoint& checkpoint : applied.checkpoints) {
    int64_t bytes = 0;
    for (const v1::FileRef& file : checkpoint.files()) bytes += file.size_bytes();
    counters.CheckpointWritten(checkpoint.write_seconds(), bytes);
  }
}

}  // namespace

ReportIngest::ReportIngest(Store& store, JobLifecycle& lifecycle, Leases& leases, TrainerLogs& logs,
                           JobCounters& counters, const Clock& clock)
    : store_(store),
      lifecycle_(lifecycle),
      leases_(leases),
      logs_(logs),
      counters_(counters),
      clock_(clock) {}

void ReportIngest::Report(v1::ReportAttemptRequest request, Done done) {
  const Lane lane = LaneOf(request);
  // Shared by the two callbacks, of which the store runs one after the other.
  struct Shared {
    v1::ReportAttemptRequest request;
    AppliedReports applied;
  };
  auto shared = std::make_shared<Shared>();
  shared->request = std::move(request);
  store_.Write(
      lane,
      [this, shared](Transaction& transaction) {
        ReportApplier applier(transaction, lifecycle_, leases_, clock_);
        absl::StatusOr<AppliedReports> applied = applier.Apply(shared->request);
        if (applied.ok()) shared->applied = *std::move(applied);
        return applied.status();
      },
      [this, shared, done = std::move(done)](absl::Status status) mutable {
        if (!status.ok()) return done(std::move(status));
        const AppliedReports& applied = shared->applied;
        // Appends of a few KiB without fsync; they must follow the commit that let them in.
        for (const v1::LogChunk& log : applied.logs) {
          logs_.Append(applied.job_uid, shared->request.attempt(), log.offset(), log.data());
        }
        CountApplied(counters_, applied);
        v1::ReportAttemptResponse response;
        response.set_next_index(applied.next_index);
        done(std::move(response));
      });
}

}  // namespace attune
