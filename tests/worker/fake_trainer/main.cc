// SPDX-License-Identifier: Apache-2.0
// A trainer without torch, for tests: speaks base/trainer_protocol.h, "trains" by folding one hash
// a step, and ends with a model whose bytes depend on (seed, steps) alone, however often it was
// stopped and resumed, provided that resume is right.
//
//   fake_trainer --inventory | --fd N
//   FAKE_STEP_MS=20          time a step takes
//   FAKE_CRASH_AT_STEP=7     SIGABRT once the step is done
//   FAKE_EXIT_AT_STEP=7      exit code 3 without a last word
//   FAKE_NAN_AT_STEP=7       FailedFrame USER/NON_FINITE_LOSS
//   FAKE_IGNORE_STOP=1       deaf to StopCommand
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "base/framed_pipe.h"
#include "base/trainer_protocol.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

constexpr int64_t kDefaultSteps = 10, kStepsPerEpoch = 5;

int64_t FromEnvironment(const char* name) {
  const char* text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : 0;
}

class FakeTrainer {
 public:
  FakeTrainer(FramedPipe& pipe, TrainerSpec spec) : pipe_(pipe), spec_(std::move(spec)) {}

  absl::Status Run() {
    std::fprintf(stderr, "fake trainer: %s attempt %lld\n", spec_.job.c_str(),
                 static_cast<long long>(spec_.attempt));
    ATTUNE_RETURN_IF_ERROR(CheckInputs());
    ATTUNE_RETURN_IF_ERROR(LoadState());
    const int64_t total = spec_.max_steps > 0 ? spec_.max_steps : kDefaultSteps;
    StartedFrame started;
    started.device = "cpu";
    started.threads = spec_.threads;
    started.start_step = step_;
    started.total_steps = total;
    started.steps_per_epoch = kStepsPerEpoch;
    started.train_examples = kStepsPerEpoch * spec_.hyperparameters.batch_size;
    started.torch_version = "fake";
    ATTUNE_RETURN_IF_ERROR(Say(started));
    ATTUNE_RETURN_IF_ERROR(Say(PhaseFrame{"TRAINING"}));
    while (step_ < total) {
      ATTUNE_RETURN_IF_ERROR(TrainStep());
      ATTUNE_ASSIGN_OR_RETURN(const bool stopped, ListenForOneStep());
      if (stopped) return absl::OkStatus();
    }
    return Finish();
  }

 private:
  template <typename Frame>
  absl::Status Say(const Frame& frame) {
    return pipe_.Write(ToJson(spec_.attempt, frame));
  }

  absl::Status CheckInputs() {
    for (const std::string& path : {spec_.base_model_dir, spec_.train.path}) {
      if (files_.Exists(path)) continue;
      FailedFrame failed{"INFRA", "IO_ERROR", absl::StrCat("input is missing: ", path), 0};
      ATTUNE_RETURN_IF_ERROR(Say(failed));
      return absl::NotFoundError(failed.message);
    }
    return absl::OkStatus();
  }

  absl::Status LoadState() {
    state_ = Sha256::Hex(absl::StrCat("seed ", spec_.hyperparameters.seed));
    if (spec_.resume_dir.empty()) return absl::OkStatus();
    ATTUNE_ASSIGN_OR_RETURN(const std::string manifest,
                            files_.ReadFile(JoinPath(spec_.resume_dir, "manifest.json")));
    const auto json = nlohmann::json::parse(manifest, nullptr, false);
    step_ = json.value("step", int64_t{0});
    ATTUNE_ASSIGN_OR_RETURN(state_, files_.ReadFile(JoinPath(spec_.resume_dir, "state.txt")));
    return absl::OkStatus();
  }

  absl::Status TrainStep() {
    ++step_;
    state_ = Sha256::Hex(absl::StrCat(state_, " ", step_));
    MetricsFrame metrics;
    metrics.step = step_;
    metrics.epoch = Epoch();
    metrics.loss = 1.0 / static_cast<double>(step_);
    metrics.learning_rate = spec_.hyperparameters.learning_rate;
    metrics.samples = step_ * spec_.hyperparameters.batch_size;
    metrics.tokens = 10 * metrics.samples;
    metrics.stage_seconds = {{"forward", 0.001}};
    ATTUNE_RETURN_IF_ERROR(Say(metrics));
    if (step_ == FromEnvironment("FAKE_CRASH_AT_STEP")) std::abort();
    if (step_ == FromEnvironment("FAKE_EXIT_AT_STEP")) std::_Exit(3);
    if (step_ == FromEnvironment("FAKE_NAN_AT_STEP")) {
      FailedFrame failed{"USER", "NON_FINITE_LOSS",
                         absl::StrCat("the loss is nan at step ", step_, ", rows 1 to 8"), step_};
      ATTUNE_RETURN_IF_ERROR(Say(failed));
      return absl::CancelledError(failed.message);
    }
    if (Due(spec_.eval_every_steps)) ATTUNE_RETURN_IF_ERROR(Evaluate("EVAL"));
    if (Due(spec_.checkpoint_every_steps)) ATTUNE_RETURN_IF_ERROR(WriteCheckpoint());
    return absl::OkStatus();
  }

  bool Due(int64_t every) const { return every > 0 && step_ % every == 0; }
  double Epoch() const { return static_cast<double>(step_) / kStepsPerEpoch; }

  absl::Status Evaluate(const std::string& split) {
    EvaluationFrame evaluation;
    evaluation.split = split;
    evaluation.step = step_;
    evaluation.epoch = Epoch();
    evaluation.examples = 4;
    evaluation.metrics = {{"accuracy", 0.75}, {"loss", 0.5}};
    evaluation.confusion = {{2, 1}, {0, 1}};
    evaluation.best = split == "EVAL";
    return Say(evaluation);
  }

  // For as long as a step takes; true: stopped.
  absl::StatusOr<bool> ListenForOneStep() {
    const auto wait_ms = static_cast<int>(FromEnvironment("FAKE_STEP_MS"));
    pollfd wait{.fd = pipe_.fd(), .events = POLLIN, .revents = 0};
    while (poll(&wait, 1, wait_ms) == 1) {
      ATTUNE_ASSIGN_OR_RETURN(const std::string frame, pipe_.Read());
      ATTUNE_ASSIGN_OR_RETURN(const TrainerCommand command, ParseTrainerCommand(frame));
      if (std::holds_alternative<CheckpointCommand>(command)) {
        ATTUNE_RETURN_IF_ERROR(WriteCheckpoint());
      }
      const auto* stop = std::get_if<StopCommand>(&command);
      if (stop == nullptr || FromEnvironment("FAKE_IGNORE_STOP") != 0) continue;
      const bool silent = stop->cause == "cancel" || stop->cause == "stale";
      if (!silent) ATTUNE_RETURN_IF_ERROR(WriteCheckpoint());
      ATTUNE_RETURN_IF_ERROR(Say(StoppedFrame{stop->cause, step_}));
      return true;
    }
    return false;
  }

  absl::StatusOr<FileEntry> WriteFile(const std::string& dir, const std::string& name,
                                      const std::string& data) {
    ATTUNE_RETURN_IF_ERROR(files_.WriteFileAtomically(JoinPath(dir, name), data));
    return FileEntry{name, static_cast<int64_t>(data.size()), Sha256::Hex(data)};
  }

  absl::Status WriteCheckpoint() {
    if (step_ == last_checkpoint_) return absl::OkStatus();
    CheckpointFrame frame;
    frame.step = step_;
    frame.epoch = Epoch();
    frame.dir = JoinPath(spec_.work_dir, absl::StrCat("checkpoint-", step_));
    ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(frame.dir));
    ATTUNE_ASSIGN_OR_RETURN(const FileEntry state, WriteFile(frame.dir, "state.txt", state_));
    const nlohmann::json manifest = {{"step", step_}, {"files", {state.path}}};
    ATTUNE_ASSIGN_OR_RETURN(const FileEntry listing,
                            WriteFile(frame.dir, "manifest.json", manifest.dump()));
    frame.manifest_sha256 = listing.sha256;
    frame.files = {state, listing};
    last_checkpoint_ = step_;
    return Say(frame);
  }

  absl::Status Finish() {
    ATTUNE_RETURN_IF_ERROR(WriteCheckpoint());
    if (spec_.test) {
      ATTUNE_RETURN_IF_ERROR(Evaluate("TEST_BASE"));
      ATTUNE_RETURN_IF_ERROR(Evaluate("TEST"));
    }
    SucceededFrame done;
    done.step = step_;
    done.model_dir = JoinPath(spec_.work_dir, "model");
    ATTUNE_RETURN_IF_ERROR(files_.MakeDirs(done.model_dir));
    ATTUNE_ASSIGN_OR_RETURN(done.files.emplace_back(),
                            WriteFile(done.model_dir, "model.safetensors", state_));
    ATTUNE_ASSIGN_OR_RETURN(done.files.emplace_back(),
                            WriteFile(done.model_dir, "config.json", "{\"model_type\":\"fake\"}"));
    return Say(done);
  }

  FramedPipe& pipe_;
  const TrainerSpec spec_;
  FileSystem& files_ = PosixFileSystem();
  int64_t step_ = 0;
  int64_t last_checkpoint_ = -1;
  std::string state_;  // what the "training" computes
};

int Serve(int fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  FramedPipe pipe(fd);
  const absl::StatusOr<std::string> frame = pipe.Read();
  if (!frame.ok()) return 0;  // the agent went away
  absl::StatusOr<TrainerCommand> command = ParseTrainerCommand(*frame);
  auto* run = command.ok() ? std::get_if<RunCommand>(&*command) : nullptr;
  if (run == nullptr) {
    std::fprintf(stderr, "not a run command: %s\n", command.status().ToString().c_str());
    return 2;
  }
  const absl::Status status = FakeTrainer(pipe, std::move(run->spec)).Run();
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  int fd = -1;
  if (mode == "--inventory") {
    std::puts(R"({"torch_version":"fake","cuda":false,"families":["bert"],)"
              R"("tasks":["text_classification"]})");
    return 0;
  }
  if (mode == "--fd" && argc == 3 && absl::SimpleAtoi(argv[2], &fd)) return attune::Serve(fd);
  std::fputs("usage: fake_trainer --inventory | --fd N\n", stderr);
  return 2;
}
