// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/commands.h"

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/framed_pipe.h"
#include "base/trainer_protocol.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/agent_link.h"
#include "worker/trainer/attempt_runner.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/device/threads.h"
#include "worker/trainer/logits.h"
#include "worker/trainer/prediction_server.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kThisProgram = "/proc/self/exe";

int Complain(const absl::Status& status) {
  std::cerr << "attune-trainer: " << status.message() << "\n";
  return 1;
}

class StdoutSink final : public EventSink {
 public:
  explicit StdoutSink(int64_t attempt) : attempt_(attempt) {}
  void Emit(const TrainerEvent& event) override {
    absl::MutexLock lock(&mutex_);
    std::cout << ToJson(attempt_, event) << std::endl;
    succeeded_ = std::holds_alternative<SucceededFrame>(event);
  }
  bool succeeded() const {
    absl::MutexLock lock(&mutex_);
    return succeeded_;
  }

 private:
  const int64_t attempt_;
  mutable absl::Mutex mutex_;
  bool succeeded_ ABSL_GUARDED_BY(mutex_) = false;
};

// libtorch's libraries read these when they are loaded, which was before main.
absl::Status EnsureEnvironment(int threads, char** argv) {
  bool complete = true;
  for (const auto& [name, value] : RequiredEnvironment(threads)) {
    const char* found = std::getenv(name.c_str());
    if (found != nullptr && value == found) continue;
    complete = false;
    setenv(name.c_str(), value.c_str(), 1);
  }
  if (complete) return absl::OkStatus();
  execv(kThisProgram, argv);
  return ErrnoStatus(errno, "execute /proc/self/exe");
}

// Waits for SIGINT or SIGTERM, which are blocked in every thread. SIGUSR1 ends the wait.
void WatchSignals(const sigset_t& signals, RunControl& control) {
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal != SIGUSR1) control.RequestStop("drain");
}

sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

void ServeAgent(int fd) {
  SystemClock clock;
  FramedPipe pipe(fd);
  ThreadExecutor reader("commands", 1, clock), background("checkpoints", 1, clock);
  AgentLink link(pipe, reader);
  AttemptRunner runner(PosixFileSystem(), background, kThisProgram);
  const AgentLink::Attempt attempt = link.NextAttempt();
  PipeSink events(pipe, attempt.spec.attempt);
  runner.Run(attempt.spec, *attempt.control, events);
  // The last word was said and nothing is left to do, but the reader would wait for commands.
  _exit(0);
}

void ServePredictions(int fd) {
  // Training comes first: whoever waits for a few rows can wait a little longer.
  constexpr int kNiceness = 10;
  (void)!nice(kNiceness);
  FramedPipe pipe(fd);
  const absl::Status end = PredictionServer().Serve(pipe);
  if (!absl::IsOutOfRange(end)) Complain(end);
  _exit(absl::IsOutOfRange(end) ? 0 : 1);
}

int RunSpecFile(const std::string& path, char** argv) {
  const absl::StatusOr<std::string> text = PosixFileSystem().ReadFile(path);
  if (!text.ok()) return Complain(text.status());
  const absl::StatusOr<TrainerSpec> spec = ParseTrainerSpec(*text);
  if (!spec.ok()) return Complain(spec.status());
  const absl::Status environment = EnsureEnvironment(spec->threads, argv);
  if (!environment.ok()) return Complain(environment);

  const sigset_t signals = BlockSignals();
  SystemClock clock;
  RunControl control;
  ThreadExecutor watcher("signals", 1, clock), background("checkpoints", 1, clock);
  watcher.Post([&] { WatchSignals(signals, control); });
  StdoutSink events(spec->attempt);
  AttemptRunner(PosixFileSystem(), background, kThisProgram).Run(*spec, control, events);
  kill(getpid(), SIGUSR1);
  return events.succeeded() ? 0 : 1;
}

int PrintInventory() {
  const Json inventory = {
      {"torch_version", CurrentBuild().torch_version},
      {"cuda", false},
      {"devices", Json::array({"cpu"})},
      {"families", Json::array({"bert", "roberta", "distilbert", kEfficientNetLite, kMarianSsru})},
      {"tasks", Json::array({"text_classification", "image_classification", "translation"})}};
  std::cout << inventory.dump() << std::endl;
  return 0;
}

int PrintLogits(const std::string& model_dir, const std::string& adapter_dir) {
  const absl::Status status = AnswerLogits(model_dir, adapter_dir, std::cin, std::cout);
  return status.ok() ? 0 : Complain(status);
}

}  // namespace attune
