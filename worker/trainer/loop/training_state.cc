// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/training_state.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Refuse(const std::string& what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TRAINER_REFUSED",
                   absl::StrCat("The checkpoint cannot be continued: ", what,
                                ". Start the job anew, or resume it from another checkpoint."));
}

Json EvaluationJson(const EvaluationFrame& e) {
  return {{"split", e.split},       {"step", e.step},       {"epoch", e.epoch},
          {"examples", e.examples}, {"metrics", e.metrics}, {"confusion", e.confusion},
          {"best", e.best}};
}

EvaluationFrame EvaluationOf(const Json& json) {
  EvaluationFrame e;
  json.at("split").get_to(e.split);
  json.at("step").get_to(e.step);
  json.at("epoch").get_to(e.epoch);
  json.at("examples").get_to(e.examples);
  json.at("metrics").get_to(e.metrics);
  json.at("confusion").get_to(e.confusion);
  json.at("best").get_to(e.best);
  return e;
}

}  // namespace

std::string FingerprintOf(const TrainerSpec& spec, int64_t train_examples, int64_t train_tokens) {
  const HyperparameterSpec& h = spec.hyperparameters;
  const Json json = {{"task", spec.task},
                     {"method", spec.method},
                     {"labels", spec.labels},
                     {"best_metric", spec.best_metric},
                     {"eval_every_steps", spec.eval_every_steps},
                     {"train_examples", train_examples},
                     {"train_tokens", train_tokens},
                     {"epochs", h.epochs},
                     {"max_steps", spec.max_steps},
                     {"batch_size", h.batch_size},
                     {"gradient_accumulation_steps", h.gradient_accumulation_steps},
                     {"learning_rate", h.learning_rate},
                     {"schedule", h.schedule},
                     {"warmup_ratio", h.warmup_ratio},
                     {"warmup_steps", h.warmup_steps},
                     {"weight_decay", h.weight_decay},
                     {"adam_beta1", h.adam_beta1},
                     {"adam_beta2", h.adam_beta2},
                     {"adam_epsilon", h.adam_epsilon},
                     {"max_grad_norm", h.max_grad_norm},
                     {"dropout", h.dropout},
                     {"max_length", h.max_length},
                     {"seed", h.seed}};
  return json.dump();
}

std::string ToJson(const TrainingState& s) {
  Json evaluations = Json::array();
  for (const EvaluationFrame& e : s.evaluations) evaluations.push_back(EvaluationJson(e));
  const Json json = {{"step", s.step},
                     {"micro_step", s.micro_step},
                     {"total_steps", s.total_steps},
                     {"permutation_seed", s.permutation_seed},
                     {"epoch", s.epoch},
                     {"next_index", s.next_index},
                     {"epoch_loss_sum", s.epoch_loss_sum},
                     {"epoch_sequences", s.epoch_sequences},
                     {"evaluated_step", s.evaluated_step},
                     {"best", {{"step", s.best.step}, {"value", s.best.value}}},
                     {"evaluations", std::move(evaluations)},
                     {"metrics_bytes", s.metrics_bytes},
                     {"fingerprint", s.fingerprint}};
  return json.dump(1);
}

absl::StatusOr<TrainingState> ParseTrainingState(std::string_view text) {
  TrainingState s;
  try {
    const Json json = Json::parse(text);
    json.at("step").get_to(s.step);
    json.at("micro_step").get_to(s.micro_step);
    json.at("total_steps").get_to(s.total_steps);
    json.at("permutation_seed").get_to(s.permutation_seed);
    json.at("epoch").get_to(s.epoch);
    json.at("next_index").get_to(s.next_index);
    json.at("epoch_loss_sum").get_to(s.epoch_loss_sum);
    json.at("epoch_sequences").get_to(s.epoch_sequences);
    json.at("evaluated_step").get_to(s.evaluated_step);
    json.at("best").at("step").get_to(s.best.step);
    json.at("best").at("value").get_to(s.best.value);
    for (const Json& e : json.at("evaluations")) s.evaluations.push_back(EvaluationOf(e));
    json.at("metrics_bytes").get_to(s.metrics_bytes);
    json.at("fingerprint").get_to(s.fingerprint);
  } catch (const nlohmann::json::exception& e) {
    return Refuse(absl::StrCat("its state.json is not one (", e.what(), ")"));
  }
  return s;
}

absl::Status CheckResumable(const TrainingState& state, const TrainingState& fresh,
                            int64_t steps_per_epoch, int64_t sequences_per_step) {
  if (state.fingerprint != fresh.fingerprint) {
    return Refuse(absl::StrCat("it was made by a job with ", state.fingerprint,
                               ", and this one has ", fresh.fingerprint));
  }
  if (state.total_steps != fresh.total_steps || state.step > state.total_steps || state.step < 0) {
    return Refuse(absl::StrCat("it is at step ", state.step, " of ", state.total_steps,
                               ", and the job has ", fresh.total_steps, " steps"));
  }
  if (state.permutation_seed != fresh.permutation_seed || state.micro_step != 0 ||
      state.epoch != state.step / steps_per_epoch ||
      state.next_index != state.step % steps_per_epoch * sequences_per_step) {
    return Refuse(absl::StrCat("its place in the data (epoch ", state.epoch, ", index ",
                               state.next_index, ", micro-step ", state.micro_step,
                               ") is not the one of step ", state.step));
  }
  return absl::OkStatus();
}

}  // namespace attune
