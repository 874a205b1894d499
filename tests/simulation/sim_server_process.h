// SPDX-License-Identifier: Apache-2.0
// The parts of one server process of the simulation; the inside of sim_server.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "server/blobs/blob_store.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/leases.h"
#include "server/scheduler/scheduler.h"
#include "server/session/report_ingest.h"
#include "server/session/session_registry.h"
#include "server/session/trainer_logs.h"
#include "server/store/store.h"
#include "tests/fakes/sim_executor.h"
#include "tests/simulation/sim_checks.h"
#include "tests/simulation/sim_server.h"

namespace attune {

// Members in build order. The blobs outlive the store, whose queue may hold unfinished uploads.
struct SimServer::Process {
  explicit Process(SimLoop& loop)
      : writer(loop.NewExecutor("writer")),
        disk(loop.NewExecutor("disk")),
        session_lane(loop.NewExecutor("session")),
        scheduler_lane(loop.NewExecutor("scheduler")),
        check_lane(loop.NewExecutor("checks")) {}
  std::vector<SimExecutor*> lanes() {
    return {&writer, &disk, &session_lane, &scheduler_lane, &check_lane};
  }

  SimExecutor &writer, &disk, &session_lane, &scheduler_lane, &check_lane;
  bool dead = false;  // what still runs of it is not heard any more
  JobCounters counters;
  std::optional<BlobStore> blobs;
  std::unique_ptr<Store> store;
  std::optional<JobLifecycle> lifecycle;
  std::optional<Leases> leases;
  std::optional<TrainerLogs> logs;
  std::optional<Scheduler> scheduler;
  std::optional<SessionRegistry> sessions;
  std::optional<ReportIngest> ingest;
  std::optional<SimChecks> checks;
  std::map<int64_t, int64_t> applied;  // reports below this index, by fence
  std::vector<std::function<void(absl::Status)>> connections;
};

}  // namespace attune
