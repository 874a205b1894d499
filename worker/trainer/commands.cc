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
#include "formats/json/strict_json.h"
#include "formats/tokenizers/tokenizer.h"
#include "formats/weights/model_folder.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/agent_link.h"
#include "worker/trainer/attempt_runner.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/device/threads.h"
#include "worker/trainer/methods/adapter_folder.h"
#include "worker/trainer/models/text_classifier.h"
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

absl::StatusOr<std::string> LogitsLine(std::string_view line, const Tokenizer& tokenizer,
                                       const TextClassifier& model) {
  ATTUNE_ASSIGN_OR_RETURN(const Json request, ParseJsonFile(line, "stdin"));
  const int64_t longest = model.config().max_length();
  Encoding encoding;
  if (request.contains("text")) {
    encoding = tokenizer.Encode(request["text"].get<std::string>(), longest);
  } else if (request.contains("texts") && request["texts"].size() == 2) {
    encoding = tokenizer.EncodePair(request["texts"][0].get<std::string>(),
                                    request["texts"][1].get<std::string>(), longest);
  } else {
    return absl::InvalidArgumentError("expected {\"text\": …} or {\"texts\": [a, b]} on each line");
  }
  PackedBatch batch;
  batch.Add(encoding.ids, encoding.type_ids);
  const at::Tensor logits = model.Forward(batch, {}, nullptr);
  const float* row = logits.const_data_ptr<float>();
  const Json answer = {{"ids", encoding.ids},
                       {"logits", std::vector<float>(row, row + logits.size(1))}};
  return answer.dump();
}

absl::StatusOr<std::unique_ptr<TextClassifier>> LoadClassifier(const ModelFolder& folder,
                                                               const std::string& adapter_dir) {
  if (!adapter_dir.empty()) return LoadWithAdapter(folder, adapter_dir);
  if (!folder.Has("head.out.weight")) {
    return absl::InvalidArgumentError("the folder holds no classifier");
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, folder.Shape("head.out.weight"));
  return TextClassifier::Load(folder, shape.front(), 0);
}

absl::Status AnswerLines(const std::string& model_dir, const std::string& adapter_dir) {
  ATTUNE_ASSIGN_OR_RETURN(const auto folder, ModelFolder::Open(model_dir));
  ATTUNE_ASSIGN_OR_RETURN(const auto tokenizer, folder->OpenTokenizer());
  ATTUNE_ASSIGN_OR_RETURN(const auto model, LoadClassifier(*folder, adapter_dir));
  for (std::string line; std::getline(std::cin, line);) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string answer, LogitsLine(line, *tokenizer, *model));
    std::cout << answer << "\n";
  }
  return absl::OkStatus();
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
  const Json inventory = {{"torch_version", CurrentBuild().torch_version},
                          {"cuda", false},
                          {"devices", Json::array({"cpu"})},
                          {"families", Json::array({"bert", "roberta", "distilbert"})},
                          {"tasks", Json::array({"text_classification"})}};
  std::cout << inventory.dump() << std::endl;
  return 0;
}

int PrintLogits(const std::string& model_dir, const std::string& adapter_dir) {
  const absl::Status status = AnswerLines(model_dir, adapter_dir);
  return status.ok() ? 0 : Complain(status);
}

}  // namespace attune
