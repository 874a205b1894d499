// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/attempt_runner.h"

#include <new>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "c10/util/Exception.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/device/self_test.h"
#include "worker/trainer/device/threads.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/loop/train_loop.h"
#include "worker/trainer/tasks/text_classification.h"

namespace attune {
namespace {

absl::Status OutOfMemory() {
  return MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
                   "Memory did not suffice. Halve batch_size and double "
                   "gradient_accumulation_steps, or lower max_length.");
}

absl::Status FromTorch(const c10::Error& error) {
  // torch's CPU allocator reports a failed malloc as a plain Error.
  if (absl::StrContains(error.what_without_backtrace(), "DefaultCPUAllocator"))
    return OutOfMemory();
  return absl::InternalError(absl::StrCat("torch: ", error.what_without_backtrace()));
}

void WarnIfSlow(EventSink& events) {
  double cpu_share = 0;
  const SelfTest result = RunSelfTest(&cpu_share);
  const std::string warning = SelfTestWarning(result, cpu_share);
  if (!warning.empty()) events.Emit(NoticeFrame{"WARNING", warning});
}

}  // namespace

FailedFrame FailureOf(const absl::Status& status) {
  FailedFrame frame;
  frame.reason = ErrorReasonOf(status);
  frame.message = std::string(status.message());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      frame.failure_class = "USER";
      break;
    case absl::StatusCode::kResourceExhausted:
      frame.failure_class = frame.reason == "OUT_OF_MEMORY" ? "RESOURCE" : "INFRA";
      break;
    default:
      frame.failure_class = "INFRA";
  }
  if (frame.reason.empty()) {
    frame.reason = frame.failure_class == "USER" ? "INVALID_FIELD" : "INTERNAL_FAULT";
  }
  return frame;
}

absl::Status CheckSpec(const TrainerSpec& spec) {
  std::vector<FieldViolation> violations;
  const auto check = [&](bool good, const char* field, std::string_view description) {
    if (!good) violations.push_back({field, std::string(description)});
  };
  const HyperparameterSpec& h = spec.hyperparameters;
  check(spec.task == "text_classification", "task", "must be text_classification");
  check(spec.method == "full", "method", "must be full");
  check(h.schedule == "linear", "hyperparameters.schedule", "must be linear");
  check(spec.device == "cpu", "device", "must be cpu");
  check(spec.labels.size() >= 2, "labels", "needs at least two");
  check(spec.threads >= 1, "threads", "must be at least 1");
  check(h.batch_size >= 1, "hyperparameters.batch_size", "must be at least 1");
  check(h.gradient_accumulation_steps >= 1, "hyperparameters.gradient_accumulation_steps",
        "must be at least 1");
  check(h.epochs > 0 || spec.max_steps > 0, "hyperparameters.epochs", "must be above 0");
  check(h.learning_rate > 0, "hyperparameters.learning_rate", "must be above 0");
  check(h.dropout < 1, "hyperparameters.dropout", "must be below 1");
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

void AttemptRunner::Run(const TrainerSpec& spec, RunControl& control, EventSink& events) {
  absl::StatusOr<TrainerEvent> end = absl::UnknownError("");
  try {
    end = Train(spec, control, events);
  } catch (const c10::Error& error) {
    end = FromTorch(error);
  } catch (const std::bad_alloc&) {
    end = OutOfMemory();
  } catch (const std::exception& error) {
    end = absl::InternalError(error.what());
  }
  events.Emit(end.ok() ? *std::move(end) : TrainerEvent(FailureOf(end.status())));
}

absl::StatusOr<TrainerEvent> AttemptRunner::Train(const TrainerSpec& spec, RunControl& control,
                                                  EventSink& events) {
  ATTUNE_RETURN_IF_ERROR(CheckSpec(spec));
  ATTUNE_RETURN_IF_ERROR(SetUpThreads(spec.threads));
  StageClock stages(background_.clock());
  WarnIfSlow(events);
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<TextClassification> task,
                          TextClassification::Load(spec, stages));
  if (control.stopping()) return StoppedFrame{control.StopCause(), 0};
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<TrainLoop> loop,
                          TrainLoop::Make({.spec = spec,
                                           .task = *task,
                                           .events = events,
                                           .control = control,
                                           .files = files_,
                                           .background = background_,
                                           .stages = stages,
                                           .build = CurrentBuild()}));
  return loop->Run();
}

}  // namespace attune
