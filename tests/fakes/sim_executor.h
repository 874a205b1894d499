// SPDX-License-Identifier: Apache-2.0
// Many executors on one thread, with a clock that jumps from timer to timer: a whole system of
// processes runs deterministically in a test. Not thread-safe: nothing here runs by itself.
//
//   SeededRng rng(seed);
//   SimLoop loop(&rng);
//   SimExecutor& server = loop.NewExecutor("server");
//   Scheduler scheduler(server, …);
//   loop.RunFor(absl::Seconds(30));
//   loop.Kill(server);                    // SIGKILL: nothing of it runs again
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/executor.h"
#include "base/rng.h"
#include "tests/fakes/fake_clock.h"

namespace attune {

class SimLoop;

// One lane: a serial executor. Owned by its loop and valid as long as that, killed or not.
class SimExecutor final : public Executor {
 public:
  void Post(absl::AnyInvocable<void()> task) override;
  TimerId PostAt(absl::Duration when, absl::AnyInvocable<void()> task) override;
  bool Cancel(TimerId id) override;
  const Clock& clock() const override;

  const std::string& name() const { return name_; }
  bool alive() const { return alive_; }

 private:
  friend class SimLoop;
  struct Ready {
    uint64_t order;  // among all lanes
    TimerId timer;   // 0: posted
    absl::AnyInvocable<void()> task;
  };
  SimExecutor(SimLoop& loop, std::string name) : loop_(loop), name_(std::move(name)) {}

  SimLoop& loop_;
  const std::string name_;
  std::deque<Ready> ready_;
  bool alive_ = true;
  bool paused_ = false;
};

class SimLoop {
 public:
  // Without an rng, tasks run in the order they became ready; with one, the lane that goes next is
  // drawn among those with work, each lane keeping its own order.
  explicit SimLoop(Rng* rng = nullptr) : rng_(rng) {}
  ~SimLoop();
  SimLoop(const SimLoop&) = delete;
  SimLoop& operator=(const SimLoop&) = delete;

  SimExecutor& NewExecutor(std::string name);
  FakeClock& clock() { return clock_; }

  // Drops the lane's tasks and timers, and whatever is posted to it later.
  void Kill(SimExecutor& executor);
  // A paused lane runs nothing; its tasks and due timers pile up until Resume (SIGSTOP).
  void Pause(SimExecutor& executor) { executor.paused_ = true; }
  void Resume(SimExecutor& executor) { executor.paused_ = false; }

  // Runs one task that is ready now; false: there is none.
  bool Step();
  // Steps until none is ready, without moving the clock.
  void RunUntilIdle();
  // Runs everything due up to then, each task at its own time; the clock ends at `when`.
  void AdvanceTo(absl::Duration when);
  void RunFor(absl::Duration duration) { AdvanceTo(clock_.SinceBoot() + duration); }
  // Goes on until done() holds, which is asked before each step; false: not within `limit`.
  bool RunUntil(absl::FunctionRef<bool()> done, absl::Duration limit);

  // When the next timer is due; nullopt: no timer.
  std::optional<absl::Duration> NextTimer() const;
  int64_t steps() const { return steps_; }

 private:
  friend class SimExecutor;
  struct Timer {
    SimExecutor* executor;
    absl::AnyInvocable<void()> task;
  };

  void MoveDueTimers();
  bool JumpToNextTimer(absl::Duration latest);
  SimExecutor* NextLane();

  FakeClock clock_;
  Rng* const rng_;
  std::vector<std::unique_ptr<SimExecutor>> executors_;
  std::map<std::pair<absl::Duration, Executor::TimerId>, Timer> timers_;
  Executor::TimerId last_timer_ = 0;
  uint64_t last_order_ = 0;
  int64_t steps_ = 0;
};

}  // namespace attune
