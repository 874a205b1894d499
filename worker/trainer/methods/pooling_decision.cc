// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/pooling_decision.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/checkpoints/training_state.h"

namespace attune {
namespace {

// As the checkpoint has it. One that cannot be read is refused by who continues it.
PoolingChoice AsItBegan(const std::string& dir, FileSystem& files, PoolingChoice rule) {
  const absl::StatusOr<std::string> text = files.ReadFile(JoinPath(dir, "state.json"));
  const absl::StatusOr<TrainingState> state =
      text.ok() ? ParseTrainingState(*text) : absl::StatusOr<TrainingState>(text.status());
  const Pooling began = state.ok() ? PoolingOf(state->fingerprint) : rule.pooling;
  if (began == rule.pooling) return rule;
  return {began, absl::StrCat("pooling is ", PoolingName(began), ", as when the job began."),
          false};
}

}  // namespace

absl::StatusOr<Pooling> DecidePooling(const TrainerSpec& spec, FileSystem& files,
                                      EventSink& events) {
  ATTUNE_ASSIGN_OR_RETURN(const auto base, ModelFolder::Open(spec.base_model_dir));
  PoolingChoice choice = ChoosePooling(spec.pooling, spec.method, base->base_pooling());
  if (spec.pooling.empty() && !spec.resume_dir.empty()) {
    choice = AsItBegan(spec.resume_dir, files, std::move(choice));
  }
  if (!choice.notice.empty()) {
    events.Emit(NoticeFrame{choice.warns ? "WARNING" : "INFO", choice.notice});
  }
  return choice.pooling;
}

}  // namespace attune
