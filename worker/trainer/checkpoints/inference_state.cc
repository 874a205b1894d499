// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/inference_state.h"

#include <utility>

#include "ATen/ops/empty.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "worker/trainer/checkpoints/state_json.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

template <typename V>
void Fields(V& v, typename V::template Ref<InferenceState> s) {
  v.Required("step", s.step);
  v.Required("total_steps", s.total_steps);
  v.Required("pass_rows", s.pass_rows);
  v.Required("outputs", s.outputs);
  v.Required("evaluations", s.evaluations);
  v.Required("fingerprint", s.fingerprint);
}

namespace {

constexpr char kState[] = "state.json", kOutputs[] = "outputs.safetensors";

std::string StateJson(const InferenceState& state) {
  OrderedJsonWriter writer;
  Fields(writer, state);
  return writer.object().dump(1);
}

}  // namespace

std::string InferenceFingerprint(const TrainerSpec& spec, int64_t rows) {
  nlohmann::ordered_json json = {{"work", spec.work},
                                 {"labels", spec.labels},
                                 {"label_kind", spec.test->label_kind},
                                 {"model", spec.base_model_sha256},
                                 {"compares", !spec.compare_model_dir.empty()},
                                 {"data", spec.test->sha256},
                                 {"rows", rows},
                                 {"max_length", spec.hyperparameters.max_length},
                                 {"seed", spec.hyperparameters.seed}};
  if (spec.task == "image_classification") json["image_size"] = spec.image.size;
  if (spec.task == "translation") json["decoding"] = DecodingJson(spec.decoding);
  return json.dump();
}

PendingCheckpoint InferenceCheckpoint(FileSystem& files, const InferenceState& state,
                                      const BuildInfo& build, const at::Tensor& outputs) {
  CheckpointPlace place{.step = state.step, .cursor_index = state.pass_rows, .build = build};
  const auto fill = [&files, json = StateJson(state), outputs](const std::string& dir) {
    if (outputs.defined()) {
      ATTUNE_RETURN_IF_ERROR(WriteTensors(JoinPath(dir, kOutputs), {{"outputs", outputs}}));
    }
    return WriteSynced(files, JoinPath(dir, kState), json);
  };
  return {std::move(place), fill};
}

absl::StatusOr<LoadedInference> LoadInference(FileSystem& files, const std::string& dir) {
  LoadedInference loaded;
  ATTUNE_ASSIGN_OR_RETURN(loaded.build, VerifyCheckpointFolder(files, dir, {kState}));
  ATTUNE_ASSIGN_OR_RETURN(const std::string json, files.ReadFile(JoinPath(dir, kState)));
  ATTUNE_RETURN_IF_ERROR(ParseState(json, loaded.state));
  const auto [rows, outputs] = std::pair(loaded.state.pass_rows, loaded.state.outputs);
  if (rows < 0 || outputs < 0 || (rows > 0) != files.Exists(JoinPath(dir, kOutputs))) {
    return CheckpointDoesNotFit(absl::StrCat("its outputs are not those of ", rows, " rows"));
  }
  if (rows > 0) {
    loaded.outputs = at::empty({rows, outputs}, at::kFloat);
    ATTUNE_RETURN_IF_ERROR(ReadTensors(JoinPath(dir, kOutputs), {{"outputs", loaded.outputs}}));
  }
  return loaded;
}

absl::Status CheckResumable(const InferenceState& state, const InferenceState& fresh) {
  if (state.fingerprint != fresh.fingerprint) {
    return CheckpointDoesNotFit(absl::StrCat("it was made by a job with ", state.fingerprint,
                                             ", and this one has ", fresh.fingerprint));
  }
  const bool placed = state.total_steps == fresh.total_steps && state.pass_rows >= 0 &&
                      state.pass_rows <= state.step && state.step <= state.total_steps &&
                      (state.pass_rows == 0 || state.outputs > 0);
  if (placed) return absl::OkStatus();
  return CheckpointDoesNotFit(absl::StrCat("it is at row ", state.step, " of ", state.total_steps,
                                           ", row ", state.pass_rows,
                                           " of its pass, and the job has ", fresh.total_steps));
}

}  // namespace attune
