// SPDX-License-Identifier: Apache-2.0
// Idle threads wait in poll() on an eventfd (new work) and a timerfd on CLOCK_BOOTTIME (the next
// timer). A condition variable would do for the work, but none waits on that clock: a stepped wall
// clock or a suspended machine would delay every deadline.
#include "base/executor.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace attune {
namespace {

using Task = absl::AnyInvocable<void()>;

// Without these descriptors there is no executor, and nobody could report it later.
int DescriptorOrDie(int fd, const char* what) {
  if (fd >= 0) return fd;
  std::perror(what);
  std::abort();
}

}  // namespace

Executor::TimerId Executor::PostAfter(absl::Duration delay, absl::AnyInvocable<void()> task) {
  return PostAt(clock().SinceBoot() + delay, std::move(task));
}

struct ThreadExecutor::State {
  explicit State(const Clock& clock)
      : clock(clock),
        wake_fd(DescriptorOrDie(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE), "eventfd")),
        timer_fd(DescriptorOrDie(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK),
                                 "timerfd_create")) {}
  ~State() {
    close(wake_fd);
    close(timer_fd);
  }

  void Run();
  std::optional<Task> TakeReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool TimerDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return !timers.empty() && timers.begin()->first.first <= clock.SinceBoot();
  }
  void ArmTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void WakeIdle(uint64_t threads) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void WaitForWork() ABSL_LOCKS_EXCLUDED(mutex);

  const Clock& clock;
  const int wake_fd;   // a semaphore: one thread takes one count
  const int timer_fd;  // set for the first timer whenever a thread goes idle

  absl::Mutex mutex;
  std::deque<Task> queue ABSL_GUARDED_BY(mutex);
  std::map<std::pair<absl::Duration, TimerId>, Task> timers ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<TimerId, absl::Duration> timer_times ABSL_GUARDED_BY(mutex);
  TimerId last_timer ABSL_GUARDED_BY(mutex) = 0;
  int idle ABSL_GUARDED_BY(mutex) = 0;
  bool timer_ran_last ABSL_GUARDED_BY(mutex) = false;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::vector<std::thread> threads ABSL_GUARDED_BY(mutex);
};

void ThreadExecutor::State::WakeIdle(uint64_t threads) {
  if (idle == 0) return;  // whoever is busy looks again before it waits
  [[maybe_unused]] const ssize_t written = write(wake_fd, &threads, sizeof(threads));
}

void ThreadExecutor::State::ArmTimer() {
  itimerspec spec{};
  if (!timers.empty()) {
    // Zero would disarm it.
    const absl::Duration wait = timers.begin()->first.first - clock.SinceBoot();
    spec.it_value = absl::ToTimespec(std::max(wait, absl::Nanoseconds(1)));
  }
  timerfd_settime(timer_fd, 0, &spec, nullptr);
}

// When both kinds are ready they take turns, so that neither starves.
std::optional<Task> ThreadExecutor::State::TakeReady() {
  const bool due = TimerDue();
  if (!due && queue.empty()) return std::nullopt;
  Task task;
  timer_ran_last = due && (queue.empty() || !timer_ran_last);
  if (timer_ran_last) {
    task = std::move(timers.begin()->second);
    timer_times.erase(timers.begin()->first.second);
    timers.erase(timers.begin());
  } else {
    task = std::move(queue.front());
    queue.pop_front();
  }
  if (!queue.empty() || TimerDue()) WakeIdle(1);
  return task;
}

void ThreadExecutor::State::WaitForWork() {
  std::array<pollfd, 2> fds = {pollfd{wake_fd, POLLIN, 0}, pollfd{timer_fd, POLLIN, 0}};
  poll(fds.data(), fds.size(), -1);  // EINTR: a needless look at the queue
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(wake_fd, &count, sizeof(count));
}

void ThreadExecutor::State::Run() {
  while (true) {
    std::optional<Task> task;
    {
      absl::MutexLock lock(&mutex);
      task = TakeReady();
      if (!task) {
        if (stopping) return;
        ++idle;
        ArmTimer();
      }
    }
    if (task) {
      (*task)();
    } else {
      WaitForWork();
      absl::MutexLock lock(&mutex);
      --idle;
    }
  }
}

ThreadExecutor::ThreadExecutor(std::string name, int threads, const Clock& clock)
    : clock_(clock), state_(std::make_unique<State>(clock)) {
  constexpr size_t kMaxThreadName = 15;
  absl::MutexLock lock(&state_->mutex);
  for (int i = 0; i < threads; ++i) {
    std::thread& thread = state_->threads.emplace_back([state = state_.get()] { state->Run(); });
    pthread_setname_np(thread.native_handle(), name.substr(0, kMaxThreadName).c_str());
  }
}

ThreadExecutor::~ThreadExecutor() { Shutdown(); }

void ThreadExecutor::Post(absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&state_->mutex);
  if (state_->stopping) return;
  state_->queue.push_back(std::move(task));
  state_->WakeIdle(1);
}

Executor::TimerId ThreadExecutor::PostAt(absl::Duration when, absl::AnyInvocable<void()> task) {
  absl::MutexLock lock(&state_->mutex);
  const TimerId id = ++state_->last_timer;
  if (state_->stopping) return id;
  const auto added = state_->timers.emplace(std::make_pair(when, id), std::move(task)).first;
  state_->timer_times.emplace(id, when);
  if (added == state_->timers.begin()) state_->ArmTimer();
  return id;
}

bool ThreadExecutor::Cancel(TimerId id) {
  Task dropped;  // destroyed without the lock: it may own anything
  absl::MutexLock lock(&state_->mutex);
  const auto found = state_->timer_times.find(id);
  if (found == state_->timer_times.end()) return false;
  const auto timer = state_->timers.find({found->second, id});
  dropped = std::move(timer->second);
  state_->timers.erase(timer);
  state_->timer_times.erase(found);
  return true;
}

void ThreadExecutor::Shutdown() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
    threads.swap(state_->threads);
    state_->WakeIdle(threads.size());
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::pair<absl::Duration, TimerId>, Task> dropped;  // destroyed without the lock
  absl::MutexLock lock(&state_->mutex);
  dropped.swap(state_->timers);
  state_->timer_times.clear();
}

}  // namespace attune
