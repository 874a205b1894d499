// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/attempt_runner.h"

#include <new>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "c10/util/Exception.h"
#include "worker/trainer/checkpoints/checkpoint_folder.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/device/peak_memory.h"
#include "worker/trainer/device/self_test.h"
#include "worker/trainer/device/threads.h"
#include "worker/trainer/loop/inference_loop.h"
#include "worker/trainer/loop/stage_clock.h"
#include "worker/trainer/loop/train_loop.h"
#include "worker/trainer/methods/pooling_decision.h"
#include "worker/trainer/spec_check.h"
#include "worker/trainer/tasks/image_classification.h"
#include "worker/trainer/tasks/text_classification.h"
#include "worker/trainer/tasks/translation.h"

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

// Decided before anything is computed: what is cached of a model is named by it, too.
absl::StatusOr<Precision> DecidePrecision(const TrainerSpec& spec, FileSystem& files,
                                          EventSink& events) {
  const std::string& wanted = spec.hyperparameters.precision;
  if (spec.work != "fine_tune" || wanted == "fp32") return Precision::kFp32;
  std::string recorded;
  if (!spec.resume_dir.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const BuildInfo build, RecordedBuild(files, spec.resume_dir));
    recorded = build.dtype;
  }
  ATTUNE_ASSIGN_OR_RETURN(const PrecisionChoice choice,
                          ChoosePrecision(wanted, recorded, MeasureBf16()));
  if (!choice.notice.empty()) events.Emit(NoticeFrame{"INFO", choice.notice});
  return choice.precision;
}

// The spec with what is not said in it, but decided by what it names.
absl::StatusOr<TrainerSpec> Decide(TrainerSpec spec, FileSystem& files, EventSink& events) {
  if (spec.work != "fine_tune" || spec.task != "text_classification") return spec;
  ATTUNE_ASSIGN_OR_RETURN(const Pooling pooling, DecidePooling(spec, files, events));
  spec.pooling = PoolingName(pooling);
  return spec;
}

absl::StatusOr<std::unique_ptr<Task>> LoadTask(const LoopParts& parts) {
  if (parts.spec.task == "image_classification") return ImageClassification::Load(parts);
  if (parts.spec.task == "translation") return Translation::Load(parts);
  return TextClassification::Load(parts);
}

absl::StatusOr<std::unique_ptr<Task>> LoadForInference(const LoopParts& parts,
                                                       const std::string& model_dir,
                                                       bool fresh_head) {
  if (parts.spec.task == "image_classification") {
    return ImageClassification::LoadForInference(parts.spec, model_dir, fresh_head, parts.stages);
  }
  if (parts.spec.task == "translation") {
    return Translation::LoadForInference(parts.spec, model_dir, parts.stages);
  }
  return TextClassification::LoadForInference(parts.spec, model_dir, fresh_head, parts.stages);
}

absl::StatusOr<TrainerEvent> FineTune(const LoopParts& parts) {
  const absl::StatusOr<std::unique_ptr<Task>> task = LoadTask(parts);
  if (parts.control.stopping()) return StoppedFrame{parts.control.StopCause(), 0};
  ATTUNE_RETURN_IF_ERROR(task.status());
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<TrainLoop> loop, TrainLoop::Make(parts, **task));
  return loop->Run();
}

absl::StatusOr<TrainerEvent> Infer(const LoopParts& parts) {
  const auto open = [&](const std::string& model_dir, bool fresh_head) {
    return LoadForInference(parts, model_dir, fresh_head);
  };
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<InferenceLoop> loop,
                          InferenceLoop::Make(parts, open));
  return loop->Run();
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

TrainerEvent EventOf(absl::FunctionRef<absl::StatusOr<TrainerEvent>()> work) {
  absl::StatusOr<TrainerEvent> end = absl::UnknownError("");
  try {
    end = work();
  } catch (const c10::Error& error) {
    end = FromTorch(error);
  } catch (const std::bad_alloc&) {
    end = OutOfMemory();
  } catch (const std::exception& error) {
    end = absl::InternalError(error.what());
  }
  return end.ok() ? *std::move(end) : TrainerEvent(FailureOf(end.status()));
}

void AttemptRunner::Run(const TrainerSpec& spec, RunControl& control, EventSink& events) {
  events.Emit(EventOf([&] { return Work(spec, control, events); }));
}

absl::StatusOr<TrainerEvent> AttemptRunner::Work(const TrainerSpec& spec, RunControl& control,
                                                 EventSink& events) {
  ATTUNE_RETURN_IF_ERROR(CheckSpec(spec));
  ATTUNE_RETURN_IF_ERROR(SetUpThreads(spec.threads));
  StageClock stages(background_.clock());
  WarnIfSlow(events);
  ATTUNE_ASSIGN_OR_RETURN(const Precision precision, DecidePrecision(spec, files_, events));
  ATTUNE_ASSIGN_OR_RETURN(const TrainerSpec decided, Decide(spec, files_, events));
  const LoopParts parts{.spec = decided,
                        .events = events,
                        .control = control,
                        .files = files_,
                        .background = background_,
                        .stages = stages,
                        .build = CurrentBuild(precision),
                        .precision = precision,
                        .trainer_program = trainer_program_};
  absl::StatusOr<TrainerEvent> end = spec.work == "fine_tune" ? FineTune(parts) : Infer(parts);
  if (auto* succeeded = end.ok() ? std::get_if<SucceededFrame>(&*end) : nullptr) {
    succeeded->peak_memory_bytes = PeakMemoryBytes();
  }
  return end;
}

}  // namespace attune
