// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/model_export.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxMetricsBytes = int64_t{4} << 30;

std::string TrainerStateJson(const TrainingState& state, const TrainerSpec& spec,
                             const BuildInfo& build, const StageClock& stages) {
  Json json = Json::parse(ToJson(state));
  json["job"] = spec.job;
  json["base_model"] = spec.base_model_name;
  json["fingerprint"] = Json::parse(state.fingerprint);
  json["build"] = {
      {"torch_version", build.torch_version}, {"cpu", build.cpu},     {"matmul", build.matmul},
      {"mkl_cbwr", build.mkl_cbwr},           {"dtype", build.dtype}, {"threads", build.threads}};
  json["stage_seconds"] = stages.seconds();
  return json.dump(2) + "\n";
}

double Value(const EvaluationFrame& e, const std::string& metric) {
  const auto found = e.metrics.find(metric);
  return found == e.metrics.end() ? 0 : found->second;
}

std::string ResultRows(const TrainingState& state) {
  std::string rows;
  for (const EvaluationFrame& e : state.evaluations) {
    absl::StrAppendFormat(&rows, "| %s | %.2f | %d | %.4f | %.4f | %.4f | %.4f |\n", e.split,
                          e.epoch, e.examples, Value(e, "accuracy"), Value(e, "macro_f1"),
                          Value(e, "loss"), Value(e, "majority"));
  }
  return rows;
}

}  // namespace

std::string ModelCard(const TrainerSpec& spec, const TrainingState& state, int64_t train_examples,
                      const BuildInfo& build) {
  const HyperparameterSpec& h = spec.hyperparameters;
  std::string card = "---\nlibrary_name: transformers\npipeline_tag: text-classification\n---\n\n";
  absl::StrAppend(&card, "# ", spec.job, "\n\nA text classifier, fine-tuned from `",
                  spec.base_model_name, "` by attune (all weights).\n\n## Labels\n\n",
                  absl::StrJoin(spec.labels, ", "), "\n\n## Training\n\n");
  absl::StrAppendFormat(
      &card,
      "- %d examples, %d steps of %d sequences (%g epochs), the weights of step %d\n"
      "- AdamW, learning rate %g with %s decay, warm-up %d steps, weight decay %g, gradients "
      "clipped at %g\n- dropout %g, seed %d, %s, torch %s\n",
      train_examples, state.total_steps, h.batch_size * h.gradient_accumulation_steps, h.epochs,
      state.best.step >= 0 ? state.best.step : state.step, h.learning_rate, h.schedule,
      h.warmup_steps, h.weight_decay, h.max_grad_norm, h.dropout, h.seed, build.dtype,
      build.torch_version);
  if (!state.evaluations.empty()) {
    absl::StrAppend(&card,
                    "\n## Measured\n\nTEST_BASE is the base before training, with a new "
                    "classification head; majority is the share of the most frequent label.\n\n"
                    "| data | epoch | examples | accuracy | macro F1 | loss | majority |\n"
                    "|---|---|---|---|---|---|---|\n",
                    ResultRows(state));
  }
  return card;
}

absl::Status ExportModel(FileSystem& files, const TrainerSpec& spec, Task& task,
                         const TrainingState& state, const BuildInfo& build,
                         const StageClock& stages, const std::string& dir) {
  ATTUNE_RETURN_IF_ERROR(files.RemoveTree(dir));
  ATTUNE_RETURN_IF_ERROR(files.MakeDirs(dir));
  ATTUNE_RETURN_IF_ERROR(task.WriteModel(dir));
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(
      JoinPath(dir, "README.md"), ModelCard(spec, state, task.train_examples(), build)));
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(JoinPath(dir, "trainer_state.json"),
                                                   TrainerStateJson(state, spec, build, stages)));
  ATTUNE_ASSIGN_OR_RETURN(
      const std::string metrics,
      files.ReadFile(JoinPath(spec.work_dir, "metrics.jsonl"), kMaxMetricsBytes));
  return files.WriteFileAtomically(JoinPath(dir, "metrics.jsonl"), metrics);
}

}  // namespace attune
