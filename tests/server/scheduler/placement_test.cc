// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/placement.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Candidate Job(std::string id, int64_t memory_bytes = 0) {
  Candidate candidate;
  candidate.job_id = std::move(id);
  candidate.demand.task = "text_classification";
  candidate.demand.model_type = "bert";
  candidate.demand.memory_bytes = memory_bytes;
  return candidate;
}

WorkerOffer Worker(std::string id, int free_slots, int64_t memory_bytes = 100) {
  WorkerOffer worker;
  worker.id = std::move(id);
  worker.connected = true;
  worker.model_families = {"bert"};
  worker.tasks = {"text_classification"};
  worker.memory_per_slot_bytes = memory_bytes;
  worker.threads_per_slot = 2;
  worker.slots = worker.free_slots = free_slots;
  return worker;
}

std::vector<std::string> Pairs(const std::vector<Candidate>& jobs,
                               std::vector<WorkerOffer> workers) {
  std::vector<const Candidate*> order;
  for (const Candidate& job : jobs) order.push_back(&job);
  std::vector<std::string> pairs;
  for (const Placement& placement : Place(order, std::move(workers))) {
    pairs.push_back(absl::StrCat(placement.job_id, "→", placement.worker_id));
  }
  return pairs;
}

TEST(Placement, TakesJobsInTheirOrderWhileSlotsLast) {
  EXPECT_THAT(Pairs({Job("a"), Job("b"), Job("c")}, {Worker("w1", 2)}),
              ElementsAre("a→w1", "b→w1"));
}

TEST(Placement, SpreadsOverTheWorkersWithMostFreeSlots) {
  EXPECT_THAT(Pairs({Job("a"), Job("b"), Job("c")}, {Worker("w1", 1), Worker("w2", 2)}),
              ElementsAre("a→w2", "b→w1", "c→w2"));
}

TEST(Placement, SkipsAWorkerWithTooLittleMemory) {
  EXPECT_THAT(Pairs({Job("a", 200)}, {Worker("w1", 5), Worker("w2", 1, 200)}), ElementsAre("a→w2"));
}

TEST(Placement, AJobThatFitsNowhereDoesNotHoldUpTheOthers) {
  EXPECT_THAT(Pairs({Job("huge", 1000), Job("b")}, {Worker("w1", 1)}), ElementsAre("b→w1"));
}

TEST(Placement, ALapsedJobGoesToAnotherWorker) {
  Candidate lapsed = Job("a");
  lapsed.not_on = "w1";
  EXPECT_THAT(Pairs({lapsed}, {Worker("w1", 3)}), IsEmpty());
  EXPECT_THAT(Pairs({lapsed}, {Worker("w1", 3), Worker("w2", 1)}), ElementsAre("a→w2"));
}

TEST(Placement, AWorkerWithMoreHeldSlotsThanSlotsGetsNothing) {
  EXPECT_THAT(Pairs({Job("a")}, {Worker("w1", -1)}), IsEmpty());
}

}  // namespace
}  // namespace attune
