// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/sim_executor.h"

#include <algorithm>

namespace attune {

void SimExecutor::Post(absl::AnyInvocable<void()> task) {
  if (alive_) ready_.push_back({++loop_.last_order_, 0, std::move(task)});
}

Executor::TimerId SimExecutor::PostAt(absl::Duration when, absl::AnyInvocable<void()> task) {
  const TimerId id = ++loop_.last_timer_;
  if (alive_)
    loop_.timers_.emplace(std::make_pair(when, id), SimLoop::Timer{this, std::move(task)});
  return id;
}

// The task found is moved out before it is destroyed, since its destructor may post or cancel.
bool SimExecutor::Cancel(TimerId id) {
  const auto queued = std::find_if(ready_.begin(), ready_.end(),
                                   [id](const Ready& ready) { return ready.timer == id; });
  if (id != 0 && queued != ready_.end()) {
    const absl::AnyInvocable<void()> dropped = std::move(queued->task);
    ready_.erase(queued);
    return true;
  }
  auto& timers = loop_.timers_;
  const auto timer = std::find_if(timers.begin(), timers.end(), [&](const auto& entry) {
    return entry.first.second == id && entry.second.executor == this;
  });
  if (timer == timers.end()) return false;
  const absl::AnyInvocable<void()> dropped = std::move(timer->second.task);
  timers.erase(timer);
  return true;
}

const Clock& SimExecutor::clock() const { return loop_.clock_; }

SimLoop::~SimLoop() {
  for (const auto& executor : executors_) Kill(*executor);
}

SimExecutor& SimLoop::NewExecutor(std::string name) {
  executors_.push_back(std::unique_ptr<SimExecutor>(new SimExecutor(*this, std::move(name))));
  return *executors_.back();
}

void SimLoop::Kill(SimExecutor& executor) {
  executor.alive_ = false;
  std::deque<SimExecutor::Ready> dropped_tasks = std::move(executor.ready_);
  executor.ready_.clear();
  std::vector<Timer> dropped_timers;
  for (auto timer = timers_.begin(); timer != timers_.end();) {
    if (timer->second.executor == &executor) {
      dropped_timers.push_back(std::move(timer->second));
      timer = timers_.erase(timer);
    } else {
      ++timer;
    }
  }
}

void SimLoop::MoveDueTimers() {
  while (!timers_.empty() && timers_.begin()->first.first <= clock_.SinceBoot()) {
    auto node = timers_.extract(timers_.begin());
    Timer& timer = node.mapped();
    timer.executor->ready_.push_back({++last_order_, node.key().second, std::move(timer.task)});
  }
}

SimExecutor* SimLoop::NextLane() {
  std::vector<SimExecutor*> candidates;
  for (const auto& executor : executors_) {
    if (!executor->paused_ && !executor->ready_.empty()) candidates.push_back(executor.get());
  }
  if (candidates.empty()) return nullptr;
  if (rng_ != nullptr) return candidates[rng_->Below(candidates.size())];
  return *std::min_element(candidates.begin(), candidates.end(), [](const auto* a, const auto* b) {
    return a->ready_.front().order < b->ready_.front().order;
  });
}

bool SimLoop::Step() {
  MoveDueTimers();
  SimExecutor* const lane = NextLane();
  if (lane == nullptr) return false;
  absl::AnyInvocable<void()> task = std::move(lane->ready_.front().task);
  lane->ready_.pop_front();
  ++steps_;
  task();
  return true;
}

void SimLoop::RunUntilIdle() {
  while (Step()) {
  }
}

bool SimLoop::JumpToNextTimer(absl::Duration latest) {
  const std::optional<absl::Duration> next = NextTimer();
  if (!next || *next > latest) return false;
  clock_.Advance(*next - clock_.SinceBoot());
  return true;
}

void SimLoop::AdvanceTo(absl::Duration when) {
  do {
    RunUntilIdle();
  } while (JumpToNextTimer(when));
  clock_.Advance(std::max(when - clock_.SinceBoot(), absl::ZeroDuration()));
}

bool SimLoop::RunUntil(absl::FunctionRef<bool()> done, absl::Duration limit) {
  const absl::Duration latest = clock_.SinceBoot() + limit;
  while (!done()) {
    if (!Step() && !JumpToNextTimer(latest)) return false;
  }
  return true;
}

std::optional<absl::Duration> SimLoop::NextTimer() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

}  // namespace attune
