// SPDX-License-Identifier: Apache-2.0
// A job that dies again and again at random instants, and goes on from its last checkpoint.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/tasks/task.h"

namespace attune::testing {

// What a run leaves, to the byte.
struct Outcome {
  std::string weights, metrics;
  std::vector<int64_t> evaluated;  // steps of the EVAL frames that were sent, by all attempts
  int deaths = 0;
};

Outcome OutcomeOf(const TrainerSpec& spec);

// Every attempt has its own folder below `root` and a task of its own, and dies within that many
// calls of it (mortal_task.h), until one lives.
Outcome RunWithDeaths(TrainerSpec spec, const std::string& root,
                      const std::function<std::unique_ptr<Task>()>& load, uint64_t calls, Rng& rng);

// Expects that the job leaves the same bytes whether it never dies or within every 20 calls.
void ExpectSameBytes(const TrainerSpec& spec, const std::string& root,
                     const std::function<std::unique_ptr<Task>()>& load, uint64_t seed);

}  // namespace attune::testing
