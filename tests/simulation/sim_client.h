// SPDX-License-Identifier: Apache-2.0
// A client that submits jobs, changes its mind about some, looks at what it did, watches, and
// repeats every call until it is answered. Not thread-safe.
#pragma once

#include <map>
#include <string>

#include "tests/fakes/sim_executor.h"
#include "tests/simulation/history.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/trace.h"

namespace attune {

class SimClient {
 public:
  SimClient(std::string name, SimLoop& loop, SimNetwork& network, SimServer& server, Rng& rng,
            Trace& trace, History& history)
      : name_(std::move(name)),
        lane_(loop.NewExecutor(name_)),
        network_(network),
        server_(server),
        rng_(rng),
        trace_(trace),
        history_(history) {}

  void SubmitLater(const JobPlan& plan, absl::Duration after);
  // Every plan was submitted, and this client knows that its job is final.
  bool done() const { return open_ == 0; }

 private:
  using Changed = std::function<void(absl::StatusOr<JobView>)>;
  void Submit(const JobPlan& plan);
  void OnSubmitted(const JobPlan& plan, const JobView& view);
  void Cancel(const std::string& job);
  void Pause(const std::string& job);
  void Watch(const std::string& job);
  void OnEvents(const std::string& job, const std::vector<v1::JobEvent>& events);
  void LookAt(const std::string& job);
  void Resume(const std::string& job);
  // Calls until there is an answer that a repetition would not change.
  void Change(const std::string& what, const SimServer::JobCall& call, Changed done);
  absl::Duration Within(double most_seconds) {
    return absl::Seconds(most_seconds * rng_.Uniform());
  }
  void Know(const std::string& job, int64_t sequence);

  const std::string name_;
  SimExecutor& lane_;
  SimNetwork& network_;
  SimServer& server_;
  Rng& rng_;
  Trace& trace_;
  History& history_;
  int open_ = 0;
  std::map<std::string, int64_t> known_;  // events of a job that this client was told of
};

}  // namespace attune
