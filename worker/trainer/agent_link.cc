// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/agent_link.h"

#include <unistd.h>

#include <utility>

#include "base/logging.h"

namespace attune {
namespace {

constexpr int kExitAgentGone = 3;

[[noreturn]] void Leave(std::string_view what, const absl::Status& status) {
  LogError(what, {{"error", status.ToString()}});
  _exit(kExitAgentGone);
}

}  // namespace

void PipeSink::Emit(const TrainerEvent& event) {
  absl::MutexLock lock(&mutex_);
  const absl::Status status = pipe_.Write(ToJson(attempt_, event));
  if (!status.ok()) Leave("the agent is gone", status);
}

AgentLink::AgentLink(FramedPipe& pipe, Executor& reader) : pipe_(pipe) {
  reader.Post([this] { ReadCommands(); });
}

AgentLink::Attempt AgentLink::NextAttempt() {
  absl::MutexLock lock(&mutex_);
  const auto given = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return waiting_.has_value(); };
  mutex_.Await(absl::Condition(&given));
  return *std::exchange(waiting_, std::nullopt);
}

void AgentLink::ReadCommands() {
  while (true) {
    const absl::StatusOr<std::string> frame = pipe_.Read();
    if (!frame.ok()) Leave("the agent is gone", frame.status());
    const absl::StatusOr<TrainerCommand> command = ParseTrainerCommand(*frame);
    if (!command.ok()) Leave("the agent sent what is no command", command.status());
    Handle(*command);
  }
}

void AgentLink::Handle(const TrainerCommand& command) {
  absl::MutexLock lock(&mutex_);
  if (const auto* run = std::get_if<RunCommand>(&command)) {
    control_ = std::make_shared<RunControl>();
    attempt_ = run->spec.attempt;
    waiting_ = Attempt{run->spec, control_};
  } else if (const auto* stop = std::get_if<StopCommand>(&command)) {
    if (control_ != nullptr && stop->attempt == attempt_) control_->RequestStop(stop->cause);
  } else if (const auto* checkpoint = std::get_if<CheckpointCommand>(&command)) {
    if (control_ != nullptr && checkpoint->attempt == attempt_) control_->RequestCheckpoint();
  }
}

}  // namespace attune
