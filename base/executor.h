// SPDX-License-Identifier: Apache-2.0
// Where code runs. Production code starts no thread and never waits: it posts closures here.
// The simulator provides a single-threaded, seeded executor over the same interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace attune {

// Thread-safe. A serial executor runs one closure at a time, in the order posted; a pool runs
// several. Closures must not block on each other. A closure posted after Shutdown is dropped.
class Executor {
 public:
  using TimerId = uint64_t;  // never 0
  virtual ~Executor() = default;

  virtual void Post(absl::AnyInvocable<void()> task) = 0;

  // Runs task once clock().SinceBoot() >= when.
  virtual TimerId PostAt(absl::Duration when, absl::AnyInvocable<void()> task) = 0;

  // After Cancel returns, the task has run, is running or never will; true: never will.
  virtual bool Cancel(TimerId id) = 0;

  virtual const Clock& clock() const = 0;

  TimerId PostAfter(absl::Duration delay, absl::AnyInvocable<void()> task);
};

// Threads of the process: `threads` = 1 is a serial executor. The destructor (or Shutdown) runs
// what is already due, drops pending timers and joins.
class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor(std::string name, int threads, const Clock& clock);
  ~ThreadExecutor() override;

  void Post(absl::AnyInvocable<void()> task) override;
  TimerId PostAt(absl::Duration when, absl::AnyInvocable<void()> task) override;
  bool Cancel(TimerId id) override;
  const Clock& clock() const override { return clock_; }

  // Idempotent. Must not be called from one of its own tasks.
  void Shutdown();

 private:
  struct State;
  const Clock& clock_;
  std::unique_ptr<State> state_;
};

}  // namespace attune
