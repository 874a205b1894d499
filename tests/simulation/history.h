// SPDX-License-Identifier: Apache-2.0
// What the checker reads: what the system told its clients and workers while it ran (History), and
// what is there at the end (FinalState). Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "attune/v1/event.pb.h"
#include "attune/v1/job.pb.h"
#include "attune/v1/model.pb.h"
#include "server/store/attempts_table.h"
#include "server/store/events_table.h"
#include "server/store/jobs_table.h"
#include "tests/simulation/job_plan.h"

namespace attune {

struct History {
  struct Submit {
    JobPlan plan;
    std::vector<std::string> acknowledged;  // the job of each OK answer
  };
  std::map<std::string, Submit> submits;  // by request id

  // A client that knew of `known` events of the job asked, and the answer was made when there were
  // `answered`.
  struct Look {
    std::string client, job;
    int64_t known = 0, answered = 0;
  };
  std::vector<Look> looks;
  std::set<std::string> cancelled;                           // jobs whose cancel was acknowledged
  std::map<std::string, std::vector<v1::JobEvent>> watched;  // by job, as a watcher got them

  // Reports that were applied (not only answered), in the order of their commits.
  struct Applied {
    std::string job;
    int64_t attempt = 0, fence = 0;
    int64_t first_index = 0, end_index = 0;
  };
  std::vector<Applied> applied;

  struct TrainerStart {
    std::string worker, job;
    int64_t attempt = 0, fence = 0, start_step = 0;
    int alive = 0, slots = 0;  // trainers of this worker, this one included
  };
  std::vector<TrainerStart> trainer_starts;

  std::set<std::string> damaged_blobs;  // digests; the disk changed their bytes

  // Answers that no fault explains, and promises found broken while it ran ("I11 …").
  std::vector<std::string> broken;
};

struct FinalState {
  struct Job {
    JobRecord record;
    std::vector<v1::JobEvent> events;
    std::vector<AttemptRecord> attempts;
    std::vector<v1::StepMetrics> metrics;  // without superseded rows
    std::vector<CheckpointRecord> checkpoints;
  };
  std::map<std::string, Job> jobs;          // by name
  std::map<std::string, v1::Model> models;  // by name
  std::set<std::string> sound_blobs;        // whose bytes have that digest
  std::vector<std::string> leftovers;       // processes, folders, leases that should be gone
  bool settled = false;                     // every job was final within the time limit
};

}  // namespace attune
