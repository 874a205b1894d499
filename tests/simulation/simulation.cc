// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/simulation.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/fakes/sim_executor.h"
#include "tests/simulation/fault_schedule.h"
#include "tests/simulation/final_state.h"
#include "tests/simulation/history_checker.h"
#include "tests/simulation/job_plan.h"
#include "tests/simulation/lying_file_system.h"
#include "tests/simulation/sim_client.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/sim_worker.h"

namespace attune {
namespace {

constexpr int kClients = 2;
// Reports, uploads and folders of the last attempt may go on a little after its job is final.
constexpr absl::Duration kAftermath = absl::Minutes(5);

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options)
      : options_(options),
        rng_(options.seed),
        loop_(&rng_),
        trace_(loop_.clock()),
        network_(loop_, rng_),
        server_(loop_, rng_, trace_, history_, options.blob_disk_lies),
        faults_(loop_, rng_, network_, server_, workers_, history_,
                {.disks_fill_up = options.disks_fill_up, .blobs_rot = options.blobs_rot}) {}

  SimulationResult Run();

 private:
  void Begin();
  void Settle();
  FinalState End();

  const SimulationOptions options_;
  SeededRng rng_;
  SimLoop loop_;
  Trace trace_;
  History history_;
  SimNetwork network_;
  SimServer server_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  FaultSchedule faults_;
  bool settled_ = false;
};

void Simulation::Begin() {
  faults_.StartServer();
  for (const auto& [name, slots] : {std::pair("w1", 1), std::pair("w2", 2)}) {
    workers_.push_back(
        std::make_unique<SimWorker>(name, slots, loop_, network_, server_, rng_, trace_, history_));
    workers_.back()->Start();
  }
  for (int i = 0; i < kClients; ++i) {
    clients_.push_back(std::make_unique<SimClient>(absl::StrCat("c", i), loop_, network_, server_,
                                                   rng_, trace_, history_));
  }
  for (int i = 0; i < options_.jobs; ++i) {
    clients_[i % kClients]->SubmitLater(DrawJobPlan(rng_),
                                        options_.faults_for / 2 * rng_.Uniform());
  }
  faults_.Start(loop_.clock().SinceBoot() + options_.faults_for);
}

void Simulation::Settle() {
  network_.Heal();
  trace_.Line("no more faults");
  const auto done = [this] {
    return std::all_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->done(); });
  };
  settled_ = loop_.RunUntil(done, options_.settle_within);
  loop_.RunFor(kAftermath);
}

FinalState Simulation::End() {
  FinalState state = ReadFinalState(server_);
  state.settled = settled_;
  for (const auto& worker : workers_) {
    for (std::string& left : worker->Leftovers()) state.leftovers.push_back(std::move(left));
  }
  for (std::string& broken : BrokenCheckpoints(server_, history_)) {
    history_.broken.push_back(std::move(broken));
  }
  return state;
}

SimulationResult Simulation::Run() {
  Begin();
  loop_.RunFor(options_.faults_for);
  Settle();
  const FinalState state = End();
  SimulationResult result;
  result.violations = CheckHistory(history_, state);
  result.trace_hash = trace_.hash();
  result.trace_tail = trace_.Tail();
  for (const auto& [name, job] : state.jobs) {
    result.succeeded += job.record.job.state() == v1::Job::SUCCEEDED ? 1 : 0;
    result.failed += job.record.job.state() == v1::Job::FAILED ? 1 : 0;
    result.cancelled += job.record.job.state() == v1::Job::CANCELLED ? 1 : 0;
    result.attempts += static_cast<int>(job.attempts.size());
    for (const v1::JobEvent& event : job.events) {
      result.fallbacks += event.has_checkpoint_damage() ? 1 : 0;
    }
  }
  return result;
}

}  // namespace

SimulationResult RunSimulation(const SimulationOptions& options) {
  return Simulation(options).Run();
}

}  // namespace attune
