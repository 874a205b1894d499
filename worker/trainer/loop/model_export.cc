// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/model_export.h"

#include <utility>

#include "base/errors.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/checkpoints/checkpoint_folder.h"
#include "worker/trainer/loop/export_check.h"
#include "worker/trainer/loop/model_card.h"
#include "worker/trainer/loop/tensorboard_events.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxMetricsBytes = int64_t{4} << 30;

std::string TrainerStateJson(const LoopParts& parts, const TrainingState& state,
                             const std::vector<ExportCheckEntry>& checks) {
  const BuildInfo& build = parts.build;
  Json json = Json::parse(ToJson(state));
  json["job"] = parts.spec.job;
  json["base_model"] = parts.spec.base_model_name;
  json["fingerprint"] = Json::parse(state.fingerprint);
  json["build"] = {
      {"torch_version", build.torch_version}, {"cpu", build.cpu},     {"matmul", build.matmul},
      {"mkl_cbwr", build.mkl_cbwr},           {"dtype", build.dtype}, {"threads", build.threads}};
  json["stage_seconds"] = parts.stages.seconds();
  Json& list = json["export_checks"] = Json::array();
  for (const ExportCheckEntry& c : checks) {
    list.push_back({{"format", c.format}, {"rows", c.rows}, {"max_difference", c.max_difference}});
  }
  return json.dump(2) + "\n";
}

absl::Status WriteRecords(const LoopParts& parts, Task& task, const TrainingState& state,
                          const SucceededFrame& frame) {
  FileSystem& files = parts.files;
  const std::string& dir = frame.model_dir;
  ATTUNE_RETURN_IF_ERROR(
      files.WriteFileAtomically(JoinPath(dir, "README.md"),
                                ModelCard(parts.spec, state, task.train_examples(), parts.build)));
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(
      JoinPath(dir, "trainer_state.json"), TrainerStateJson(parts, state, frame.export_checks)));
  ATTUNE_ASSIGN_OR_RETURN(
      const std::string metrics,
      files.ReadFile(JoinPath(parts.spec.work_dir, "metrics.jsonl"), kMaxMetricsBytes));
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(JoinPath(dir, "metrics.jsonl"), metrics));
  ATTUNE_ASSIGN_OR_RETURN(const std::string events, TensorBoardEvents(metrics));
  return files.WriteFileAtomically(JoinPath(dir, kTensorBoardFile), events);
}

}  // namespace

absl::StatusOr<SucceededFrame> ExportModel(const LoopParts& parts, Task& task,
                                           const TrainingState& state) {
  SucceededFrame frame;
  frame.step = state.step;
  frame.model_dir = JoinPath(parts.spec.work_dir, "model");
  ATTUNE_RETURN_IF_ERROR(parts.files.RemoveTree(frame.model_dir));
  ATTUNE_RETURN_IF_ERROR(parts.files.MakeDirs(frame.model_dir));
  ATTUNE_ASSIGN_OR_RETURN(ExportedModel model, task.WriteModel(frame.model_dir));
  frame.model_type = model.model_type;
  frame.architecture = model.architecture;
  frame.parameters = model.parameters;
  frame.max_length = model.max_length;
  frame.labels = std::move(model.labels);
  if (!parts.trainer_program.empty()) {
    const StageClock::Scope scope(parts.stages, "export_check");
    ATTUNE_ASSIGN_OR_RETURN(frame.export_checks,
                            CheckExport(parts.files, parts.trainer_program, parts.spec.work_dir,
                                        model.formats, model.probe));
  }
  ATTUNE_RETURN_IF_ERROR(WriteRecords(parts, task, state, frame));
  ATTUNE_ASSIGN_OR_RETURN(frame.files, ListFiles(parts.files, frame.model_dir));
  return frame;
}

}  // namespace attune
