// SPDX-License-Identifier: Apache-2.0
// A job of the simulation, and what its training must come to: the fake trainer and the checker
// compute it independently of how often the trainer was killed. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "attune/v1/job_service.pb.h"
#include "base/rng.h"

namespace attune {

struct JobPlan {
  enum class Outcome {
    kTrains,
    kBadData,         // its check fails
    kFailsUser,       // the trainer says so, half way
    kOutgrowsMemory,  // trains, but only with half of its micro-batch
  };
  enum class Wish { kNone, kCancel, kPauseAndResume };

  std::string request_id;
  uint64_t seed = 0;
  int64_t steps = 0;
  int64_t checkpoint_every = 0;
  Outcome outcome = Outcome::kTrains;
  Wish wish = Wish::kNone;
};

JobPlan DrawJobPlan(Rng& rng);
v1::CreateJobRequest RequestOf(const JobPlan& plan);

// Whether the check of this job passes, and whether its trainer fails or runs out of memory: as
// RequestOf encodes them.
bool ChecksOut(const v1::FineTune& tune);
bool TrainerFails(double weight_decay);
bool OutgrowsMemory(int64_t batch_size);

// The state of training: each step follows from the one before, so that a step that is lost, redone
// from the wrong state or done twice changes everything after it.
uint64_t FirstTrainingState(uint64_t seed);
uint64_t NextTrainingState(uint64_t state, int64_t step);
double LossOf(uint64_t state);
uint64_t TrainingStateAt(uint64_t seed, int64_t step);
std::string ModelBytes(uint64_t final_state);

}  // namespace attune
