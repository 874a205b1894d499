// SPDX-License-Identifier: Apache-2.0
// The network between the processes of the simulation. While it is faulty, calls are delayed,
// reordered, duplicated, lost on their way there or back; sessions keep their order, as TCP does,
// until they are cut. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "base/rng.h"
#include "tests/fakes/sim_executor.h"

namespace attune {

class SessionLink;

template <typename Reply>
using Respond = std::function<void(absl::StatusOr<Reply>)>;

class SimNetwork {
 public:
  SimNetwork(SimLoop& loop, Rng& rng) : rng_(rng), lane_(loop.NewExecutor("network")) {}

  void Heal() { faulty_ = false; }
  bool faulty() const { return faulty_; }
  Executor& lane() { return lane_; }
  absl::Duration Delay();  // one way

  // `serve` runs 0, 1 or 2 times; `done` once: with an answer, or UNAVAILABLE.
  template <typename Reply>
  void Call(std::function<void(Respond<Reply>)> serve,
            absl::AnyInvocable<void(absl::StatusOr<Reply>)> done);

  void AddLink(std::weak_ptr<SessionLink> link);
  // Cuts one of the open sessions; `silently`: neither side is told.
  void CutSession(bool silently);

 private:
  static constexpr absl::Duration kDeadline = absl::Seconds(10);
  bool Chance(double probability) { return faulty_ && rng_.Uniform() < probability; }

  Rng& rng_;
  SimExecutor& lane_;
  bool faulty_ = true;
  std::vector<std::weak_ptr<SessionLink>> links_;  // weak: a link is its session's
};

template <typename Reply>
void SimNetwork::Call(std::function<void(Respond<Reply>)> serve,
                      absl::AnyInvocable<void(absl::StatusOr<Reply>)> done) {
  // Shared by the answer, its duplicate and the deadline: the first one calls it.
  auto waiting = std::make_shared<absl::AnyInvocable<void(absl::StatusOr<Reply>)>>(std::move(done));
  auto finish = [waiting](absl::StatusOr<Reply> reply) {
    if (*waiting) std::exchange(*waiting, nullptr)(std::move(reply));
  };
  Respond<Reply> respond = [this, finish](absl::StatusOr<Reply> reply) {
    if (Chance(0.04)) return;
    lane_.PostAfter(Delay(), [finish, reply = std::move(reply)] { finish(reply); });
  };
  if (!Chance(0.04)) lane_.PostAfter(Delay(), [serve, respond] { serve(respond); });
  if (Chance(0.03)) {
    lane_.PostAfter(absl::Seconds(60 * rng_.Uniform()), [serve, respond] { serve(respond); });
  }
  lane_.PostAfter(kDeadline, [finish] { finish(absl::UnavailableError("no answer in time")); });
}

}  // namespace attune
