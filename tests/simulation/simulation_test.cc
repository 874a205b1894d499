// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/simulation.h"

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "base/logging.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

// ATTUNE_SIM_SEEDS: how many; ATTUNE_SIM_FIRST_SEED: from which on, to look at one;
// ATTUNE_SIM_LOG=1: what the components log.
int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* value = std::getenv(name);
  int64_t number = 0;
  return value != nullptr && absl::SimpleAtoi(value, &number) ? number : otherwise;
}

std::string Report(uint64_t seed, const SimulationResult& result) {
  return absl::StrCat("seed ", seed, "\n", absl::StrJoin(result.violations, "\n"),
                      "\nthe end of its trace:\n", result.trace_tail);
}

class SimulationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Faults make every component warn; the trace says more.
    LogOptions quiet;
    quiet.level = FromEnvironment("ATTUNE_SIM_LOG", 0) > 0 ? LogLevel::kInfo : LogLevel::kError;
    ASSERT_TRUE(InitLogging("simulation", quiet).ok());
  }
};

TEST_F(SimulationTest, HundredSeedsKeepEveryPromise) {
  const auto first = static_cast<uint64_t>(FromEnvironment("ATTUNE_SIM_FIRST_SEED", 1));
  const auto count = static_cast<uint64_t>(FromEnvironment("ATTUNE_SIM_SEEDS", 100));
  int succeeded = 0, failed = 0, cancelled = 0, attempts = 0, broken = 0;
  for (uint64_t seed = first; seed < first + count && broken < 3; ++seed) {
    SimulationOptions options;
    options.seed = seed;
    const SimulationResult result = RunSimulation(options);
    EXPECT_TRUE(result.violations.empty()) << Report(seed, result);
    broken += result.violations.empty() ? 0 : 1;
    succeeded += result.succeeded;
    failed += result.failed;
    cancelled += result.cancelled;
    attempts += result.attempts;
  }
  std::printf("%d jobs succeeded, %d failed, %d were cancelled, in %d attempts\n", succeeded,
              failed, cancelled, attempts);
}

TEST_F(SimulationTest, FullDisksBreakNoPromise) {
  const auto first = static_cast<uint64_t>(FromEnvironment("ATTUNE_SIM_FIRST_SEED", 1));
  const auto count = static_cast<uint64_t>(FromEnvironment("ATTUNE_SIM_SEEDS", 30));
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.disks_fill_up = true;
    const SimulationResult result = RunSimulation(options);
    EXPECT_TRUE(result.violations.empty()) << Report(seed, result);
  }
}

// Whatever rots is found when it is read, the job goes on from what is left, and ends as if nothing
// had been.
TEST_F(SimulationTest, RottenCheckpointsBreakNoPromise) {
  const auto first = static_cast<uint64_t>(FromEnvironment("ATTUNE_SIM_FIRST_SEED", 1));
  const auto count = static_cast<uint64_t>(FromEnvironment("ATTUNE_SIM_SEEDS", 30));
  int fallbacks = 0;
  for (uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.blobs_rot = true;
    const SimulationResult result = RunSimulation(options);
    EXPECT_TRUE(result.violations.empty()) << Report(seed, result);
    fallbacks += result.fallbacks;
  }
  EXPECT_GT(fallbacks, 0);
}

// Seeds that found a bug when they were new, each with what it was.
TEST_F(SimulationTest, SeedsThatFoundBugsStayGood) {
  for (const uint64_t seed : {
           5,     // a power cut took step metrics but left the checkpoint of these steps
           17,    // a slot stayed held: its trainer had ended between two heartbeats
           31,    // a slot stayed held after STOP(stale), until the next hello
           38,    // a power cut brought back a checkpoint that had been reported already
           118,   // a late renewal: the agent was live again and did not notice
           2980,  // a slot stayed held: replaced between the hello and its second lease
           1246,  // an agent reported a checkpoint that a cancel had given up, behind the end
           439,   // NO_PROGRESS, although a pause between the failures had committed a step
       }) {
    SimulationOptions options;
    options.seed = seed;
    const SimulationResult result = RunSimulation(options);
    EXPECT_TRUE(result.violations.empty()) << Report(seed, result);
  }
}

TEST_F(SimulationTest, TheSameSeedGivesTheSameTrace) {
  SimulationOptions options;
  options.seed = 7;
  const uint64_t hash = RunSimulation(options).trace_hash;
  EXPECT_EQ(RunSimulation(options).trace_hash, hash);
  options.seed = 8;
  EXPECT_NE(RunSimulation(options).trace_hash, hash);
}

TEST_F(SimulationTest, WithoutFaultsEveryJobRunsOnce) {
  SimulationOptions options;
  options.faults_for = absl::ZeroDuration();
  options.jobs = 12;
  const SimulationResult result = RunSimulation(options);
  EXPECT_TRUE(result.violations.empty()) << Report(options.seed, result);
  EXPECT_EQ(result.succeeded + result.failed + result.cancelled, 12);
  EXPECT_GE(result.succeeded, 6);
}

// The whole chain sees a broken promise: a disk that only says it synced loses checkpoints that the
// server had registered, and some power cut shows it.
TEST_F(SimulationTest, ADiskThatLiesAboutSyncingIsFoundOut) {
  std::string found;
  for (uint64_t seed = 1; seed <= 60 && found.empty(); ++seed) {
    SimulationOptions options;
    options.seed = seed;
    options.blob_disk_lies = true;
    for (const std::string& violation : RunSimulation(options).violations) {
      if (violation.starts_with("I11 ")) found = violation;
    }
  }
  EXPECT_FALSE(found.empty());
}

}  // namespace
}  // namespace attune
