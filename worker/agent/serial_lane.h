// SPDX-License-Identifier: Apache-2.0
// An object's place on a serial executor. Whatever comes from other threads (transport, trainer,
// I/O) is bound to the owner's lane: it then runs on that executor, and not at all once the owner
// is gone. Owners are created, used and destroyed on their executor, so they need no mutex.
#pragma once

#include <memory>
#include <tuple>
#include <utility>

#include "base/executor.h"

namespace attune {

class SerialLane {
 public:
  explicit SerialLane(Executor& executor) : executor_(executor) {}
  SerialLane(const SerialLane&) = delete;
  SerialLane& operator=(const SerialLane&) = delete;

  Executor& executor() const { return executor_; }
  const Clock& clock() const { return executor_.clock(); }

  // A callable of any thread, any number of times, that runs f here.
  template <typename F>
  auto Bind(F f) const {
    return [executor = &executor_, alive = std::weak_ptr<char>(alive_),
            f = std::make_shared<F>(std::move(f))](auto... args) {
      executor->Post([alive, f, args = std::make_tuple(std::move(args)...)]() mutable {
        if (!alive.expired()) std::apply(*f, std::move(args));
      });
    };
  }

  template <typename F>
  Executor::TimerId After(absl::Duration delay, F f) const {
    return executor_.PostAfter(delay,
                               [alive = std::weak_ptr<char>(alive_), f = std::move(f)]() mutable {
                                 if (!alive.expired()) f();
                               });
  }

  // Runs f soon, but never inside the caller.
  template <typename F>
  void Defer(F f) const {
    Bind(std::move(f))();
  }

 private:
  Executor& executor_;
  // Shared only to be observed: callbacks hold a weak reference and see its end.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace attune
