// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "tests/fakes/fake_clock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Holds an executor's only thread until the test has prepared what comes next.
class Gate {
 public:
  explicit Gate(Executor& executor) {
    executor.Post([this] {
      entered_.Notify();
      open_.WaitForNotification();
    });
    entered_.WaitForNotification();
  }
  void Open() { open_.Notify(); }

 private:
  absl::Notification entered_, open_;
};

TEST(ThreadExecutor, OneThreadKeepsTheOrderPosted) {
  const SystemClock clock;
  std::vector<int> ran;
  {
    ThreadExecutor executor("serial", 1, clock);
    for (int i = 0; i < 10'000; ++i) executor.Post([&ran, i] { ran.push_back(i); });
  }
  std::vector<int> expected(10'000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ran, expected);
}

TEST(ThreadExecutor, APoolRunsSeveralAtOnce) {
  const SystemClock clock;
  ThreadExecutor executor("pool", 3, clock);
  absl::BlockingCounter inside(3);
  absl::Notification done;
  std::atomic<int> left = 3;
  for (int i = 0; i < 3; ++i) {
    executor.Post([&] {
      inside.DecrementCount();
      done.WaitForNotification();  // none leaves before all three are here
      --left;
    });
  }
  inside.Wait();
  done.Notify();
  executor.Shutdown();
  EXPECT_EQ(left, 0);
}

TEST(ThreadExecutor, RunsATimerNoEarlierThanItsTime) {
  const SystemClock clock;
  ThreadExecutor executor("timer", 1, clock);
  const absl::Duration due = clock.SinceBoot() + absl::Milliseconds(20);
  absl::Duration ran_at;
  absl::Notification done;
  executor.PostAt(due, [&] {
    ran_at = clock.SinceBoot();
    done.Notify();
  });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
  EXPECT_GE(ran_at, due);
}

TEST(ThreadExecutor, AnEarlierTimerPostedLaterRunsFirst) {
  const SystemClock clock;
  ThreadExecutor executor("timer", 1, clock);
  absl::Notification early;
  executor.PostAfter(absl::Hours(1), [] { ADD_FAILURE() << "an hour has not passed"; });
  executor.PostAfter(absl::Milliseconds(5), [&] { early.Notify(); });
  EXPECT_TRUE(early.WaitForNotificationWithTimeout(kPatience));
}

TEST(ThreadExecutor, DueTimersRunInOrderOfTheirTimes) {
  FakeClock clock;
  ThreadExecutor executor("timer", 1, clock);
  Gate gate(executor);
  std::vector<int> ran;
  const absl::Duration now = clock.SinceBoot();
  executor.PostAt(now - absl::Seconds(1), [&] { ran.push_back(2); });
  executor.PostAt(now, [&] { ran.push_back(3); });
  executor.PostAt(now - absl::Seconds(2), [&] { ran.push_back(1); });
  executor.PostAt(now, [&] { ran.push_back(4); });
  gate.Open();
  executor.Shutdown();
  EXPECT_THAT(ran, ElementsAre(1, 2, 3, 4));
}

TEST(ThreadExecutor, ATimerThatIsAlwaysDueDoesNotStarveThePosted) {
  const SystemClock clock;
  ThreadExecutor executor("fair", 1, clock);
  absl::Notification posted;
  std::atomic<bool> stop = false;
  std::function<void()> again = [&] {
    if (!stop) executor.PostAfter(absl::ZeroDuration(), again);
  };
  executor.Post(again);
  executor.Post([&] { posted.Notify(); });
  EXPECT_TRUE(posted.WaitForNotificationWithTimeout(kPatience));
  stop = true;
  executor.Shutdown();
}

TEST(ThreadExecutor, ACancelledTimerNeverRunsAndFreesWhatItHolds) {
  FakeClock clock;
  ThreadExecutor executor("cancel", 1, clock);
  Gate gate(executor);
  auto held = std::make_shared<int>(0);
  const auto due = executor.PostAt(clock.SinceBoot(), [held] { ++*held; });
  const auto later = executor.PostAfter(absl::Hours(1), [held] { ++*held; });
  EXPECT_TRUE(executor.Cancel(due));  // due already, but its thread is busy
  EXPECT_TRUE(executor.Cancel(later));
  EXPECT_FALSE(executor.Cancel(later));
  EXPECT_FALSE(executor.Cancel(0));
  EXPECT_EQ(held.use_count(), 1);
  gate.Open();
  executor.Shutdown();
  EXPECT_EQ(*held, 0);
}

TEST(ThreadExecutor, CancelOfATimerThatRanSaysSo) {
  FakeClock clock;
  ThreadExecutor executor("cancel", 1, clock);
  absl::Notification ran;
  const auto id = executor.PostAt(clock.SinceBoot(), [&] { ran.Notify(); });
  ASSERT_TRUE(ran.WaitForNotificationWithTimeout(kPatience));
  EXPECT_FALSE(executor.Cancel(id));
}

TEST(ThreadExecutor, ShutdownRunsWhatIsDueAndDropsTheRest) {
  FakeClock clock;
  ThreadExecutor executor("shutdown", 1, clock);
  Gate gate(executor);
  std::atomic<int> ran = 0;
  auto held = std::make_shared<int>(0);
  executor.Post([&] { ++ran; });
  executor.PostAt(clock.SinceBoot(), [&] { ++ran; });
  executor.PostAfter(absl::Hours(1), [held] { ADD_FAILURE(); });
  gate.Open();
  executor.Shutdown();
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(held.use_count(), 1);
  executor.Post([&] { ++ran; });
  EXPECT_NE(executor.PostAt(clock.SinceBoot(), [&] { ++ran; }), 0u);
  executor.Shutdown();
  EXPECT_EQ(ran, 2);
}

TEST(ThreadExecutor, LosesNothingPostedFromManyThreads) {
  const SystemClock clock;
  std::atomic<int> ran = 0;
  {
    ThreadExecutor executor("busy", 2, clock);
    std::vector<std::thread> posters;
    for (int t = 0; t < 4; ++t) {
      posters.emplace_back([&] {
        for (int i = 0; i < 2'000; ++i) executor.Post([&] { ++ran; });
      });
    }
    for (std::thread& poster : posters) poster.join();
    absl::Notification last_timer;
    executor.PostAfter(absl::Milliseconds(1), [&] { last_timer.Notify(); });
    EXPECT_TRUE(last_timer.WaitForNotificationWithTimeout(kPatience));
  }
  EXPECT_EQ(ran, 8'000);
}

}  // namespace
}  // namespace attune
