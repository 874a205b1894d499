// SPDX-License-Identifier: Apache-2.0
#include "server/scheduler/fit_filters.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::HasSubstr;

Demand Bert() {
  Demand demand;
  demand.task = "text_classification";
  demand.model_type = "bert";
  return demand;
}

WorkerOffer Worker(int free_slots = 1) {
  WorkerOffer worker;
  worker.id = "w1";
  worker.connected = true;
  worker.model_families = {"bert"};
  worker.tasks = {"text_classification"};
  worker.labels = {{"zone", "a"}};
  worker.memory_per_slot_bytes = 1000;
  worker.threads_per_slot = 4;
  worker.slots = 1;
  worker.free_slots = free_slots;
  return worker;
}

TEST(FitFilters, AWorkerWithAllThatIsAskedForFits) {
  Demand demand = Bert();
  demand.memory_bytes = 1000;
  demand.threads = 4;
  demand.labels = {{"zone", "a"}};
  EXPECT_TRUE(Fits(demand, Worker()));
  EXPECT_FALSE(Fits(demand, Worker(0)));
  EXPECT_TRUE(Suits(demand, Worker(0)));
}

TEST(FitFilters, EachFilterSaysNoInItsOwnWords) {
  struct Case {
    Demand demand;
    WorkerOffer worker;
    const char* words;
  };
  std::vector<Case> cases(6, {Bert(), Worker(), ""});
  cases[0].worker.draining = true;
  cases[0].words = "1 draining";
  cases[1].demand.task = "translation";
  cases[1].words = "1 without the task translation";
  cases[2].demand.model_type = "llama";
  cases[2].words = "1 without the model family llama";
  cases[3].worker.memory_per_slot_bytes = 512 << 20;
  cases[3].demand.memory_bytes = int64_t{5} << 29;
  cases[3].words = "1 with 512 MiB of memory a slot, where 2.5 GiB are asked for";
  cases[4].demand.threads = 5;
  cases[4].words = "1 with fewer than 5 threads a slot";
  cases[5].demand.labels = {{"zone", "b"}};
  cases[5].words = "1 without the labels zone=b";
  for (const Case& c : cases) {
    EXPECT_FALSE(Suits(c.demand, c.worker)) << c.words;
    EXPECT_THAT(Explain(c.demand, {c.worker}, 0), HasSubstr(c.words));
  }
}

TEST(FitFilters, SaysTheMostMemoryOfThoseWithTooLittleAndWhoWantsMore) {
  Demand demand = Bert();
  demand.memory_bytes = int64_t{3} << 30;
  demand.memory_is_estimate = true;
  WorkerOffer small = Worker(), larger = Worker();
  small.memory_per_slot_bytes = 1 << 20;
  larger.memory_per_slot_bytes = int64_t{2} << 30;
  EXPECT_THAT(Explain(demand, {small, larger}, 0),
              HasSubstr("2 with at most 2.0 GiB of memory a slot, where 3.0 GiB are estimated to "
                        "be needed"));
}

TEST(FitFilters, SaysThatNoWorkerIsConnected) {
  WorkerOffer gone = Worker();
  gone.connected = false;
  EXPECT_THAT(Explain(Bert(), {}, 0), HasSubstr("no worker is connected"));
  EXPECT_THAT(Explain(Bert(), {gone}, 0), HasSubstr("no worker is connected"));
  EXPECT_FALSE(Suits(Bert(), gone));
}

TEST(FitFilters, SaysHowManySlotsAreInUseAndHowManyJobsAreAhead) {
  EXPECT_EQ(Explain(Bert(), {Worker(0)}, 2),
            "waits for a free slot: 1 slot that can run it, in use; 2 jobs ahead");
  EXPECT_EQ(Explain(Bert(), {Worker(1)}, 0), "about to start");
}

}  // namespace
}  // namespace attune
