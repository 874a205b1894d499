// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/final_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "server/blobs/blob_store.h"
#include "server/jobs/job_state.h"
#include "server/store/inputs_table.h"
#include "tests/simulation/sim_server.h"

namespace attune {
namespace {

constexpr int kAll = 100000;

absl::StatusOr<FinalState::Job> ReadJob(const Snapshot& snapshot, const JobRecord& record) {
  FinalState::Job job;
  job.record = record;
  ATTUNE_ASSIGN_OR_RETURN(job.events, ListEvents(snapshot, record.id(), 0, kAll));
  ATTUNE_ASSIGN_OR_RETURN(job.attempts, ListAttempts(snapshot, record.id()));
  ATTUNE_ASSIGN_OR_RETURN(job.metrics, ListMetrics(snapshot, record.id(), 0, kAll));
  ATTUNE_ASSIGN_OR_RETURN(job.checkpoints, ListCheckpoints(snapshot, record.id()));
  return job;
}

bool IsSound(SimServer& server, const v1::FileRef& file) {
  const absl::StatusOr<FileDigest> found =
      DigestFile(server.blob_files(), server.blobs().PathOf(file.sha256()));
  return found.ok() && found->sha256 == file.sha256() && found->size_bytes == file.size_bytes();
}

}  // namespace

std::map<std::string, FinalState::Job> ReadJobs(const Store& store) {
  std::map<std::string, FinalState::Job> jobs;
  // A store that cannot be read shows no job, which the checker reports as lost.
  (void)store.Read([&](Snapshot& snapshot) -> absl::Status {
    JobListQuery query;
    query.limit = kAll;
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<JobRecord> records, ListJobs(snapshot, query));
    for (const JobRecord& record : records) {
      ATTUNE_ASSIGN_OR_RETURN(jobs[record.job.name()], ReadJob(snapshot, record));
    }
    return absl::OkStatus();
  });
  return jobs;
}

FinalState ReadFinalState(SimServer& server) {
  FinalState state;
  state.jobs = ReadJobs(server.store());
  (void)server.store().Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto models, ListModels(snapshot, std::nullopt, kAll));
    for (const auto& model : models) state.models[model.value.name()] = model.value;
    return absl::OkStatus();
  });
  auto note = [&](const auto& files) {
    for (const v1::FileRef& file : files) {
      if (IsSound(server, file)) state.sound_blobs.insert(file.sha256());
    }
  };
  for (const auto& [name, model] : state.models) note(model.files());
  for (const auto& [name, job] : state.jobs) {
    for (const CheckpointRecord& row : job.checkpoints) note(row.checkpoint.files());
    for (const AttemptRecord& attempt : job.attempts) {
      if (!attempt.slot_held) continue;
      state.leftovers.push_back(absl::StrCat("the slot of ", name, " fence ", attempt.fence));
    }
  }
  return state;
}

std::vector<std::string> BrokenCheckpoints(SimServer& server, const History& history) {
  std::vector<std::string> broken;
  for (const auto& [name, job] : ReadJobs(server.store())) {
    if (job.record.job.committed_step() == 0) continue;
    const auto newest = std::find_if(job.checkpoints.rbegin(), job.checkpoints.rend(),
                                     [](const CheckpointRecord& row) { return !row.bad; });
    if (newest == job.checkpoints.rend() ||
        newest->checkpoint.step() != job.record.job.committed_step()) {
      broken.push_back(absl::StrCat("I11 ", name, " has no checkpoint of its committed step"));
      continue;
    }
    for (const v1::FileRef& file : newest->checkpoint.files()) {
      if (IsSound(server, file) || history.damaged_blobs.contains(file.sha256())) continue;
      broken.push_back(absl::StrCat("I11 ", name, ": ", file.path(), " of its newest checkpoint ",
                                    "is not what was registered"));
    }
  }
  return broken;
}

}  // namespace attune
