// SPDX-License-Identifier: Apache-2.0
// Decides which job runs where. Keeps the queue in memory, rebuilt at start from a covering index;
// woken by the change feed and by timers (not_before), never by polling. placement.cc (pure)
// decides, jobs/leases grants. Runs on one serial executor; QueueView answers any thread from a
// copy.
#pragma once

#include <memory>

#include "base/executor.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/leases.h"
#include "server/jobs/queue_view.h"
#include "server/store/store.h"

namespace attune {

class Scheduler final : public QueueView {
 public:
  Scheduler(Store& store, Leases& leases, JobCounters& counters, Executor& executor);
  ~Scheduler() override;  // the executor must be shut down first

  absl::Status Start();
  void StopGranting();  // while draining

  std::optional<QueuePlace> Find(std::string_view job_id) const override;
  std::optional<absl::Time> OldestPending() const override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace attune
