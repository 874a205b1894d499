// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_trainer.h"

#include <csignal>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/errors.h"
#include "tests/simulation/job_plan.h"

namespace attune {
namespace {

absl::StatusOr<FileEntry> WriteDurably(FileSystem& files, const std::string& dir,
                                       const std::string& name, const std::string& bytes) {
  ATTUNE_ASSIGN_OR_RETURN(auto file, files.Open(JoinPath(dir, name), FileSystem::Mode::kTruncate));
  ATTUNE_RETURN_IF_ERROR(file->Append(bytes));
  ATTUNE_RETURN_IF_ERROR(file->Sync());
  return FileEntry{name, static_cast<int64_t>(bytes.size()), Sha256::Hex(bytes)};
}

}  // namespace

// One process.
class SimTrainer : public std::enable_shared_from_this<SimTrainer> {
 public:
  SimTrainer(SimTrainerLauncher& launcher, int number, TrainerCallbacks callbacks)
      : launcher_(launcher), number_(number), callbacks_(std::move(callbacks)) {}

  void Receive(const TrainerCommand& command) {
    if (const auto* run = std::get_if<RunCommand>(&command)) Begin(run->spec);
    if (const auto* stop = std::get_if<StopCommand>(&command)) stop_cause_ = stop->cause;
    if (std::holds_alternative<CheckpointCommand>(command)) checkpoint_wanted_ = true;
  }
  TrainerCallbacks& callbacks() { return callbacks_; }

 private:
  void Say(const TrainerEvent& event) { callbacks_.on_event(AttemptEvent{spec_.attempt, event}); }
  void Begin(TrainerSpec spec);
  absl::Status Resume();
  void Step();
  void ScheduleStep();
  bool Saved();
  absl::Status WriteCheckpoint();
  absl::Status Finish();
  void ExitLater(int code);

  SimTrainerLauncher& launcher_;
  const int number_;
  TrainerCallbacks callbacks_;
  TrainerSpec spec_;
  int64_t step_ = 0, saved_step_ = 0;
  uint64_t state_ = 0;
  std::string stop_cause_;
  bool checkpoint_wanted_ = false;
};

void SimTrainer::Begin(TrainerSpec spec) {
  spec_ = std::move(spec);
  state_ = FirstTrainingState(spec_.hyperparameters.seed);
  if (const absl::Status resumed = Resume(); !resumed.ok()) {
    Say(FailedFrame{"INFRA", "IO_ERROR", std::string(resumed.message()), 0});
    return ExitLater(1);
  }
  launcher_.history_.trainer_starts.push_back({launcher_.worker_, spec_.job, spec_.attempt,
                                               spec_.fence, step_, launcher_.alive(),
                                               launcher_.slots_});
  Say(StartedFrame{.device = "cpu",
                   .threads = spec_.threads,
                   .start_step = step_,
                   .total_steps = spec_.max_steps,
                   .steps_per_epoch = spec_.max_steps});
  ScheduleStep();
}

absl::Status SimTrainer::Resume() {
  if (spec_.resume_dir.empty()) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(const std::string saved,
                          launcher_.files_.ReadFile(JoinPath(spec_.resume_dir, "state.bin")));
  const std::vector<std::string> numbers = absl::StrSplit(saved, ' ');
  step_ = saved_step_ = std::stoll(numbers[0]);
  state_ = std::stoull(numbers[1]);
  return absl::OkStatus();
}

void SimTrainer::ScheduleStep() {
  launcher_.lane_->PostAfter(absl::Seconds(0.3 + 2 * launcher_.rng_.Uniform()),
                             [weak = weak_from_this()] {
                               if (auto self = weak.lock()) self->Step();
                             });
}

// A step boundary, then the next step.
void SimTrainer::Step() {
  const bool save = stop_cause_ != "cancel" && stop_cause_ != "stale";
  if (!stop_cause_.empty()) {
    if (save && !Saved()) return;
    Say(StoppedFrame{stop_cause_, step_});
    return ExitLater(0);
  }
  if (checkpoint_wanted_ && !Saved()) return;
  checkpoint_wanted_ = false;
  if (TrainerFails(spec_.hyperparameters.weight_decay) && step_ >= spec_.max_steps / 2) {
    Say(FailedFrame{"USER", "NON_FINITE_LOSS", "the loss is nan", step_});
    return ExitLater(1);
  }
  if (OutgrowsMemory(spec_.hyperparameters.batch_size) && step_ >= spec_.max_steps / 2) {
    Say(FailedFrame{"RESOURCE", "OUT_OF_MEMORY", "the batch does not fit", step_});
    return ExitLater(1);
  }
  if (step_ < spec_.max_steps) {
    state_ = NextTrainingState(state_, ++step_);
    Say(MetricsFrame{.step = step_, .loss = LossOf(state_), .samples = step_, .tokens = step_});
  }
  checkpoint_wanted_ = checkpoint_wanted_ || step_ % spec_.checkpoint_every_steps == 0;
  if (checkpoint_wanted_ && !Saved()) return;
  checkpoint_wanted_ = false;
  if (step_ < spec_.max_steps) return ScheduleStep();
  const absl::Status finished = Finish();
  if (absl::IsResourceExhausted(finished)) return ScheduleStep();
  ExitLater(finished.ok() ? 0 : 1);
}

// False: on a full disk it waits at this step's boundary; on a broken one it ends.
bool SimTrainer::Saved() {
  const absl::Status status = WriteCheckpoint();
  if (absl::IsResourceExhausted(status)) {
    ScheduleStep();
  } else if (!status.ok()) {
    ExitLater(1);
  }
  return status.ok();
}

absl::Status SimTrainer::WriteCheckpoint() {
  if (step_ == saved_step_) return absl::OkStatus();
  FileSystem& files = launcher_.files_;
  const std::string folder = absl::StrCat(spec_.work_dir, "/checkpoints");
  CheckpointFrame frame{.step = step_, .dir = absl::StrCat(folder, "/step-", step_)};
  ATTUNE_RETURN_IF_ERROR(files.MakeDirs(frame.dir));
  ATTUNE_ASSIGN_OR_RETURN(const FileEntry state, WriteDurably(files, frame.dir, "state.bin",
                                                              absl::StrCat(step_, " ", state_)));
  ATTUNE_ASSIGN_OR_RETURN(const FileEntry manifest,
                          WriteDurably(files, frame.dir, "manifest.json",
                                       absl::StrCat("{\"state\":\"", state.sha256, "\"}")));
  ATTUNE_RETURN_IF_ERROR(files.SyncDir(frame.dir));
  ATTUNE_RETURN_IF_ERROR(files.SyncDir(folder));
  frame.manifest_sha256 = manifest.sha256;
  frame.files = {state, manifest};
  Say(frame);
  // Nobody may count on the trainer's own copy: the one before goes at once.
  if (saved_step_ > 0) {
    files.RemoveTree(absl::StrCat(folder, "/step-", saved_step_)).IgnoreError();
  }
  saved_step_ = step_;
  return absl::OkStatus();
}

absl::Status SimTrainer::Finish() {
  SucceededFrame frame{.step = step_, .model_dir = absl::StrCat(spec_.work_dir, "/model")};
  ATTUNE_RETURN_IF_ERROR(launcher_.files_.MakeDirs(frame.model_dir));
  ATTUNE_ASSIGN_OR_RETURN(
      const FileEntry weights,
      WriteDurably(launcher_.files_, frame.model_dir, "model.safetensors", ModelBytes(state_)));
  ATTUNE_RETURN_IF_ERROR(launcher_.files_.SyncDir(frame.model_dir));
  frame.files = {weights};
  Say(frame);
  return absl::OkStatus();
}

void SimTrainer::ExitLater(int code) {
  launcher_.lane_->PostAfter(absl::Milliseconds(100), [weak = weak_from_this(), code] {
    if (auto self = weak.lock()) self->launcher_.Exit(self->number_, {.code = code});
  });
}

// ---- launcher ----

class SimTrainerLauncher::Handle final : public TrainerHandle {
 public:
  Handle(SimTrainerLauncher& launcher, int number, std::weak_ptr<SimTrainer> trainer)
      : launcher_(launcher), number_(number), trainer_(std::move(trainer)) {}
  ~Handle() override {
    if (!launcher_.agent_was_killed_) Kill(SIGKILL);
  }
  void Send(const TrainerCommand& command) override {
    launcher_.lane_->Post([weak = trainer_, command] {
      if (auto trainer = weak.lock()) trainer->Receive(command);
    });
  }
  void Kill(int signal) override { launcher_.Exit(number_, {.signal = signal}); }
  int64_t ResidentBytes() const override { return 0; }
  std::string Identity() const override { return absl::StrCat(number_); }

 private:
  SimTrainerLauncher& launcher_;
  const int number_;
  const std::weak_ptr<SimTrainer> trainer_;  // weak: a process is not its handle's
};

SimTrainerLauncher::SimTrainerLauncher(std::string worker, int slots, SimLoop& loop,
                                       FileSystem& files, Rng& rng, Trace& trace, History& history)
    : worker_(std::move(worker)),
      slots_(slots),
      loop_(loop),
      files_(files),
      rng_(rng),
      trace_(trace),
      history_(history),
      lane_(&loop.NewExecutor(worker_ + " trainers")) {}

SimTrainerLauncher::~SimTrainerLauncher() = default;

absl::StatusOr<std::unique_ptr<TrainerHandle>> SimTrainerLauncher::Start(
    const TrainerOptions&, TrainerCallbacks callbacks) {
  const int number = ++started_;
  auto trainer = std::make_shared<SimTrainer>(*this, number, std::move(callbacks));
  trainers_[number] = trainer;
  trace_.Line(worker_, " starts trainer ", number);
  agent_was_killed_ = false;
  return std::make_unique<Handle>(*this, number, std::move(trainer));
}

absl::Status SimTrainerLauncher::EnsureDead(const std::string& identity) {
  Exit(std::stoi(identity), {.signal = SIGKILL});
  return absl::OkStatus();
}

void SimTrainerLauncher::Exit(int number, ExitStatus status) {
  const auto found = trainers_.find(number);
  if (found == trainers_.end()) return;
  trace_.Line(worker_, " trainer ", number, " exits ", status.code, "/", status.signal);
  const std::shared_ptr<SimTrainer> trainer = std::move(found->second);
  trainers_.erase(found);
  trainer->callbacks().on_exit(status);
}

void SimTrainerLauncher::KillOne() {
  if (trainers_.empty()) return;
  const auto chosen =
      std::next(trainers_.begin(), static_cast<std::ptrdiff_t>(rng_.Below(trainers_.size())));
  Exit(chosen->first, {.signal = SIGSEGV});
}

void SimTrainerLauncher::OnAgentKilled(bool trainers_live_on) {
  agent_was_killed_ = true;
  if (trainers_live_on) return;
  while (!trainers_.empty()) Exit(trainers_.begin()->first, {.signal = SIGKILL});
}

void SimTrainerLauncher::PowerOff() {
  agent_was_killed_ = true;
  trainers_.clear();
  loop_.Kill(*lane_);
  lane_ = &loop_.NewExecutor(worker_ + " trainers");
}

}  // namespace attune
