// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/checkpoints/training_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "worker/trainer/checkpoints/state_json.h"

namespace attune {

template <typename V>
void Fields(V& v, typename V::template Ref<BestSoFar> s) {
  v.Required("step", s.step);
  v.Required("value", s.value);
}

template <typename V>
void Fields(V& v, typename V::template Ref<EarlyStopping> s) {
  v.Required("measured", s.measured);
  v.Required("reference", s.reference);
  v.Required("without", s.without);
}

template <typename V>
void Fields(V& v, typename V::template Ref<TrainingState> s) {
  v.Required("step", s.step);
  v.Required("micro_step", s.micro_step);
  v.Required("total_steps", s.total_steps);
  v.Required("permutation_seed", s.permutation_seed);
  v.Required("epoch", s.epoch);
  v.Required("next_index", s.next_index);
  v.Required("epoch_loss_sum", s.epoch_loss_sum);
  v.Required("epoch_sequences", s.epoch_sequences);
  v.Required("evaluated_step", s.evaluated_step);
  v.Required("best", s.best);
  v.Required("evaluations", s.evaluations);
  v.Required("metrics_bytes", s.metrics_bytes);
  v.Required("fingerprint", s.fingerprint);
  v.Required("early_stopping", s.early_stopping);
  v.Required("batch_size", s.batch_size);
}

namespace {

using Json = nlohmann::ordered_json;

Json GroupsJson(const std::vector<ParameterGroupSpec>& groups) {
  Json list = Json::array();
  for (const ParameterGroupSpec& g : groups) list.push_back({g.prefix, g.learning_rate});
  return list;
}

Json MethodJson(const TrainerSpec& spec) {
  const LoraSpec& l = spec.lora;
  if (spec.method == "partial") return {{"partial", spec.top_layers}};
  if (spec.method != "lora") return spec.method;
  return {{"lora",
           {{"rank", l.rank},
            {"alpha", l.alpha},
            {"dropout", l.dropout},
            {"target_modules", l.target_modules},
            {"rslora", l.rslora}}}};
}

Json ImageJson(const ImageSpec& image) {
  return {{"size", image.size},
          {"horizontal_flip", image.horizontal_flip},
          {"min_crop_area", image.min_crop_area},
          {"brightness", image.brightness},
          {"contrast", image.contrast}};
}

}  // namespace

std::string FingerprintOf(const TrainerSpec& spec, int64_t train_examples, int64_t train_tokens) {
  const HyperparameterSpec& h = spec.hyperparameters;
  Json json = {{"task", spec.task},
               {"label_kind", spec.train.label_kind},
               {"method", MethodJson(spec)},
               {"labels", spec.labels},
               {"class_weighting", spec.class_weighting},
               {"best_metric", spec.best_metric},
               {"eval_every_steps", spec.eval_every_steps},
               {"early_stopping_patience", spec.early_stopping_patience},
               {"early_stopping_min_delta", spec.early_stopping_min_delta},
               {"train_examples", train_examples},
               {"train_tokens", train_tokens},
               {"epochs", h.epochs},
               {"max_steps", spec.max_steps},
               {"sequences_per_step", h.batch_size * h.gradient_accumulation_steps},
               {"learning_rate", h.learning_rate},
               {"parameter_groups", GroupsJson(h.parameter_groups)},
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
               {"label_smoothing", h.label_smoothing},
               {"seed", h.seed}};
  // Where they differ from the rule only: a checkpoint of an earlier release has no such keys.
  if (!spec.start_sha256.empty()) json["start"] = spec.start_sha256;
  if (h.precision != "fp32") json["precision"] = h.precision;
  if (PoolingNamed(spec.pooling) == Pooling::kMean) json["pooling"] = spec.pooling;
  if (spec.task == "image_classification") {
    json["image"] = ImageJson(spec.image);
    json["batch_norms"] = spec.image.batch_norms;
  }
  if (spec.task == "translation") json["decoding"] = DecodingJson(spec.decoding);
  return json.dump();
}

Pooling PoolingOf(std::string_view fingerprint) {
  const Json json = Json::parse(fingerprint, nullptr, /*allow_exceptions=*/false);
  return PoolingNamed(json.is_object() ? json.value("pooling", "") : "");
}

absl::Status CheckSameOutputs(std::string_view theirs, std::string_view ours) {
  const auto read = [](std::string_view text) {
    Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return Json::object();
    Json& method = json["method"];
    if (!method.is_object() || !method.contains("lora")) return json;
    method["lora"].erase("dropout");
    if (Json& targets = method["lora"]["target_modules"]; targets.is_array()) {
      std::sort(targets.begin(), targets.end());
    }
    return json;
  };
  const Json a = read(theirs), b = read(ours);
  for (const char* key : {"task", "label_kind", "labels", "method", "pooling", "batch_norms"}) {
    const bool pooling = std::string_view(key) == "pooling";
    const Json absent = pooling ? Json(PoolingName(Pooling::kFirstToken)) : Json();
    const Json was = a.value(key, absent), is = b.value(key, absent);
    if (was == is) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("its ", key, " was ", was.dump(), ", and this job's is ", is.dump()));
  }
  return absl::OkStatus();
}

std::string ToJson(const TrainingState& state) {
  OrderedJsonWriter writer;
  Fields(writer, state);
  return writer.object().dump(1);
}

absl::StatusOr<TrainingState> ParseTrainingState(std::string_view text) {
  TrainingState state;
  ATTUNE_RETURN_IF_ERROR(ParseState(text, state));
  return state;
}

absl::Status CheckResumable(const TrainingState& state, const TrainingState& fresh,
                            int64_t steps_per_epoch, int64_t sequences_per_step) {
  if (state.fingerprint != fresh.fingerprint) {
    return CheckpointDoesNotFit(absl::StrCat("it was made by a job with ", state.fingerprint,
                                             ", and this one has ", fresh.fingerprint));
  }
  if (state.total_steps != fresh.total_steps || state.step > state.total_steps || state.step < 0) {
    return CheckpointDoesNotFit(absl::StrCat("it is at step ", state.step, " of ",
                                             state.total_steps, ", and the job has ",
                                             fresh.total_steps, " steps"));
  }
  if (state.permutation_seed != fresh.permutation_seed || state.micro_step != 0 ||
      state.epoch != state.step / steps_per_epoch ||
      state.next_index != state.step % steps_per_epoch * sequences_per_step) {
    return CheckpointDoesNotFit(
        absl::StrCat("its place in the data (epoch ", state.epoch, ", index ", state.next_index,
                     ", micro-step ", state.micro_step, ") is not the one of step ", state.step));
  }
  return absl::OkStatus();
}

}  // namespace attune
