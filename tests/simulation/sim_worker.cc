// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_worker.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/sim_transport.h"
#include "worker/agent/agent.h"

namespace attune {
namespace {

constexpr char kWorkDir[] = "/work";
constexpr int64_t kCacheBytes = 1 << 20;

AgentOptions OptionsOf(const std::string& name, int slots, const std::string& boot_id, Rng& rng) {
  AgentOptions options;
  options.worker_id = name;
  options.boot_id = boot_id;
  options.instance = rng.Uuid();
  options.work_dir = kWorkDir;
  options.slots.resize(static_cast<size_t>(slots));
  options.inventory.set_slots(slots);
  options.inventory.set_threads_per_slot(1);
  options.inventory.set_memory_per_slot_bytes(int64_t{1} << 40);
  options.inventory.add_model_families("bert");
  options.inventory.add_tasks("text_classification");
  return options;
}

}  // namespace

struct SimWorker::Process {
  Process(SimWorker& w)
      : lane(w.loop_.NewExecutor(w.name_)),
        io(w.loop_.NewExecutor(w.name_ + " io")),
        transport(w.name_, w.network_, w.server_, w.files_, io, w.trace_),
        cache(w.files_, JoinPath(kWorkDir, "cache"), kCacheBytes),
        agent({lane, io, w.files_, w.rng_, transport, w.trainers_, cache},
              OptionsOf(w.name_, w.slots_, w.boot_id_, w.rng_)) {}

  SimExecutor &lane, &io;
  SimTransport transport;
  BlobCache cache;
  Agent agent;
};

SimWorker::SimWorker(std::string name, int slots, SimLoop& loop, SimNetwork& network,
                     SimServer& server, Rng& rng, Trace& trace, History& history)
    : name_(std::move(name)),
      slots_(slots),
      loop_(loop),
      network_(network),
      server_(server),
      rng_(rng),
      trace_(trace),
      history_(history),
      files_(disk_),
      trainers_(name_, slots, loop, files_, rng, trace, history),
      hardware_(loop.NewExecutor(name_ + " hardware")),
      boot_id_(rng.Uuid()) {
  disk_.MakeDirs(kWorkDir).IgnoreError();
  disk_.SyncDir("").IgnoreError();
}

SimWorker::~SimWorker() {
  if (process_) EndProcess();
}

void SimWorker::Start() {
  trace_.Line(name_, " starts");
  process_ = std::make_unique<Process>(*this);
  process_->lane.Post([this, process = process_.get()] {
    absl::Status started = process->cache.Init();
    if (started.ok()) started = process->agent.Start();
    if (!started.ok()) OnStartFailed(started);
  });
}

// On a full disk it may refuse, and is started again.
void SimWorker::OnStartFailed(const absl::Status& why) {
  trace_.Line(name_, " does not start: ", why.ToString());
  if (!absl::IsResourceExhausted(why)) {
    return history_.broken.push_back(absl::StrCat(name_, " does not start: ", why.ToString()));
  }
  hardware_.PostAfter(absl::Seconds(5), [this, process = process_.get()] {
    if (process_.get() != process) return;
    Kill(false);
    Start();
  });
}

// Lanes first: what is on its way must find nobody.
void SimWorker::EndProcess() {
  loop_.Kill(process_->lane);
  loop_.Kill(process_->io);
  process_.reset();
}

void SimWorker::Kill(bool trainers_live_on) {
  trace_.Line(name_, " killed", trainers_live_on ? ", its trainers live on" : "");
  trainers_.OnAgentKilled(trainers_live_on);
  EndProcess();
}

void SimWorker::PowerOff() {
  trace_.Line(name_, " lost power");
  disk_.Stop();
  trainers_.PowerOff();
  EndProcess();
  disk_.Restart(rng_);
  boot_id_ = rng_.Uuid();
}

void SimWorker::Pause(bool trainers_too) {
  trace_.Line(name_, " stopped", trainers_too ? " with its trainers" : "");
  loop_.Pause(process_->lane);
  loop_.Pause(process_->io);
  if (trainers_too) trainers_.Pause();
}

void SimWorker::Resume() {
  trace_.Line(name_, " goes on");
  trainers_.Resume();
  if (!process_) return;
  loop_.Resume(process_->lane);
  loop_.Resume(process_->io);
}

std::vector<std::string> SimWorker::Leftovers() {
  std::vector<std::string> left;
  if (trainers_.alive() > 0) {
    left.push_back(absl::StrCat(name_, " runs ", trainers_.alive(), " trainers"));
  }
  for (const v1::HeldAttempt& held : process_->agent.held()) {
    left.push_back(absl::StrCat(name_, " holds ", held.job(), " fence ", held.fence()));
  }
  const auto folders = files_.List(AttemptFolder::All(kWorkDir));
  for (const std::string& folder : folders.value_or(std::vector<std::string>())) {
    left.push_back(absl::StrCat(name_, " keeps the folder ", folder));
  }
  return left;
}

}  // namespace attune
