// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/sim_executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace attune {
namespace {

using ::testing::ElementsAre;

// "a1 b1 …": which task of which lane ran, in order.
class Trace {
 public:
  absl::AnyInvocable<void()> Task(std::string name) {
    return [this, name] { text_ += name + " "; };
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string InterleavingOf(uint64_t seed) {
  SeededRng rng(seed);
  SimLoop loop(&rng);
  SimExecutor& a = loop.NewExecutor("a");
  SimExecutor& b = loop.NewExecutor("b");
  Trace trace;
  for (const char* n : {"1", "2", "3", "4"}) {
    a.Post(trace.Task(std::string("a") + n));
    b.Post(trace.Task(std::string("b") + n));
  }
  loop.RunUntilIdle();
  return trace.text();
}

TEST(SimExecutor, RunsTasksOfAllLanesInTheOrderPosted) {
  SimLoop loop;
  SimExecutor& a = loop.NewExecutor("a");
  SimExecutor& b = loop.NewExecutor("b");
  Trace trace;
  a.Post(trace.Task("a1"));
  b.Post(trace.Task("b1"));
  a.Post(trace.Task("a2"));
  EXPECT_EQ(trace.text(), "");
  loop.RunUntilIdle();
  EXPECT_EQ(trace.text(), "a1 b1 a2 ");
  EXPECT_EQ(loop.steps(), 3);
}

TEST(SimExecutor, OneSeedGivesOneInterleavingAndKeepsEachLanesOrder) {
  EXPECT_EQ(InterleavingOf(7), InterleavingOf(7));
  bool differs = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string trace = InterleavingOf(seed);
    differs |= trace != InterleavingOf(7);
    for (const std::string lane : {"a", "b"}) {
      EXPECT_LT(trace.find(lane + "1"), trace.find(lane + "2"));
      EXPECT_LT(trace.find(lane + "2"), trace.find(lane + "3"));
      EXPECT_LT(trace.find(lane + "3"), trace.find(lane + "4"));
    }
  }
  EXPECT_TRUE(differs);
}

TEST(SimExecutor, ClockJumpsFromTimerToTimer) {
  SimLoop loop;
  SimExecutor& lane = loop.NewExecutor("lane");
  const absl::Duration start = loop.clock().SinceBoot();
  const absl::Time wall_start = loop.clock().Now();
  std::vector<absl::Duration> ran;
  const auto note = [&] { ran.push_back(loop.clock().SinceBoot() - start); };
  lane.PostAfter(absl::Hours(2), note);
  lane.PostAfter(absl::Seconds(5), [&] {
    note();
    lane.PostAfter(absl::Seconds(1), note);
  });
  loop.RunFor(absl::Hours(1));
  EXPECT_THAT(ran, ElementsAre(absl::Seconds(5), absl::Seconds(6)));
  EXPECT_EQ(loop.clock().SinceBoot() - start, absl::Hours(1));
  EXPECT_EQ(loop.clock().Now() - wall_start, absl::Hours(1));
  EXPECT_EQ(loop.NextTimer(), start + absl::Hours(2));
}

TEST(SimExecutor, RunUntilIdleMovesNoClock) {
  SimLoop loop;
  SimExecutor& lane = loop.NewExecutor("lane");
  Trace trace;
  lane.PostAfter(absl::Nanoseconds(1), trace.Task("later"));
  lane.PostAfter(absl::ZeroDuration(), trace.Task("due"));
  loop.RunUntilIdle();
  EXPECT_EQ(trace.text(), "due ");
}

TEST(SimExecutor, CancelsATimerBeforeAndAfterItIsDueButNotOnceItRan) {
  SimLoop loop;
  SimExecutor& lane = loop.NewExecutor("lane");
  Trace trace;
  Executor::TimerId second = 0;
  const auto first = lane.PostAfter(absl::Seconds(1), [&] { EXPECT_TRUE(lane.Cancel(second)); });
  second = lane.PostAfter(absl::Seconds(1), trace.Task("second"));
  const auto third = lane.PostAfter(absl::Seconds(2), trace.Task("third"));
  EXPECT_TRUE(lane.Cancel(third));
  EXPECT_FALSE(lane.Cancel(third));
  loop.RunFor(absl::Seconds(10));
  EXPECT_FALSE(lane.Cancel(first));
  EXPECT_EQ(trace.text(), "");
}

TEST(SimExecutor, AKilledLaneRunsNothingAndFreesWhatItsTasksHold) {
  SimLoop loop;
  SimExecutor& dead = loop.NewExecutor("dead");
  SimExecutor& other = loop.NewExecutor("other");
  Trace trace;
  auto held = std::make_shared<int>(0);
  dead.Post([held] { ++*held; });
  dead.PostAfter(absl::Seconds(1), [held] { ++*held; });
  other.PostAfter(absl::Seconds(2), trace.Task("other"));
  EXPECT_EQ(held.use_count(), 3);
  loop.Kill(dead);
  EXPECT_EQ(held.use_count(), 1);
  dead.Post(trace.Task("after death"));
  EXPECT_NE(dead.PostAfter(absl::Seconds(1), trace.Task("after death")), 0u);
  loop.RunFor(absl::Seconds(5));
  EXPECT_EQ(trace.text(), "other ");
  EXPECT_FALSE(dead.alive());
}

TEST(SimExecutor, APausedLaneCatchesUpWhenResumed) {
  SimLoop loop;
  SimExecutor& lane = loop.NewExecutor("lane");
  Trace trace;
  loop.Pause(lane);
  lane.Post(trace.Task("task"));
  lane.PostAfter(absl::Seconds(1), trace.Task("timer"));
  loop.RunFor(absl::Seconds(5));
  EXPECT_EQ(trace.text(), "");
  loop.Resume(lane);
  loop.RunUntilIdle();
  EXPECT_EQ(trace.text(), "task timer ");
}

TEST(SimExecutor, RunUntilStopsAtTheConditionOrTheLimit) {
  SimLoop loop;
  SimExecutor& lane = loop.NewExecutor("lane");
  const absl::Duration start = loop.clock().SinceBoot();
  int ticks = 0;
  absl::AnyInvocable<void()> tick = [&] {
    ++ticks;
    lane.PostAfter(absl::Seconds(1), [&] { tick(); });
  };
  tick();
  EXPECT_TRUE(loop.RunUntil([&] { return ticks == 4; }, absl::Minutes(1)));
  EXPECT_EQ(loop.clock().SinceBoot() - start, absl::Seconds(3));
  EXPECT_FALSE(loop.RunUntil([] { return false; }, absl::Seconds(10)));
}

}  // namespace
}  // namespace attune
