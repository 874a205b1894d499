// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_defaults.h"

#include "server/jobs/job_fit.h"

namespace attune {
namespace {

constexpr double kLearningRate = 5e-5;
constexpr double kLoraLearningRate = 10 * kLearningRate;  // few weights, which start at no effect
constexpr double kHeadLearningRate = 1e-3;                // a new layer on features that stay
// Convolutional networks with fixed batch norm statistics, an ImageNet base and a few thousand
// images: Fashion-MNIST 2,000/1,000 in two epochs 0.865.
constexpr double kImageLearningRate = 3e-4;
// A small distilled model: with 1e-3 on all linear layers what it knew outside the new domain
// stays.
constexpr double kTranslationLoraLearningRate = 1e-3;

template <typename Message, typename Value>
void Default(Message& message, bool set, void (Message::*setter)(Value), Value value) {
  if (!set) (message.*setter)(value);
}

double LearningRateOf(const v1::FineTune& tune) {
  if (tune.has_head()) return kHeadLearningRate;
  if (tune.has_image_classification()) return kImageLearningRate;
  if (!tune.has_lora()) return kLearningRate;
  return tune.has_translation() ? kTranslationLoraLearningRate : kLoraLearningRate;
}

int64_t BatchSizeOf(const v1::FineTune& tune) { return tune.has_text_classification() ? 8 : 32; }

void FillHyperparameters(v1::FineTune& tune) {
  using H = v1::Hyperparameters;
  H& h = *tune.mutable_hyperparameters();
  const bool images = tune.has_image_classification();
  Default(h, h.has_epochs(), &H::set_epochs, images && tune.has_head() ? 5.0 : 3.0);
  Default(h, h.has_batch_size(), &H::set_batch_size, BatchSizeOf(tune));
  Default(h, h.has_gradient_accumulation_steps(), &H::set_gradient_accumulation_steps, int64_t{1});
  Default(h, h.has_learning_rate(), &H::set_learning_rate, LearningRateOf(tune));
  Default(h, h.has_warmup_ratio(), &H::set_warmup_ratio, 0.0);
  Default(h, h.has_warmup_steps(), &H::set_warmup_steps, int64_t{0});
  Default(h, h.has_weight_decay(), &H::set_weight_decay, 0.0);
  Default(h, h.has_adam_beta1(), &H::set_adam_beta1, 0.9);
  Default(h, h.has_adam_beta2(), &H::set_adam_beta2, 0.999);
  Default(h, h.has_adam_epsilon(), &H::set_adam_epsilon, 1e-8);
  Default(h, h.has_max_grad_norm(), &H::set_max_grad_norm, 1.0);
  Default(h, h.has_seed(), &H::set_seed, uint64_t{0});
  Default(h, h.has_max_steps(), &H::set_max_steps, int64_t{0});
  Default(h, h.has_label_smoothing(), &H::set_label_smoothing, 0.0);
  if (h.schedule() == v1::SCHEDULE_UNSPECIFIED) h.set_schedule(v1::SCHEDULE_LINEAR);
  if (h.precision() == v1::PRECISION_UNSPECIFIED) h.set_precision(v1::PRECISION_FP32);
}

// The query and value projections, by the names that a family gives them; of a translation model,
// which is small, all.
void FillTargets(v1::LoraTuning& lora, const v1::Model& base) {
  if (!lora.target_modules().empty() || base.state() != v1::Model::READY) return;
  if (KindOf(base) == InputKind::kPairs) return lora.add_target_modules("all-linear");
  const bool distilbert = base.model_type() == "distilbert";
  lora.add_target_modules(distilbert ? "q_lin" : "query");
  lora.add_target_modules(distilbert ? "v_lin" : "value");
}

void FillMethod(v1::FineTune& tune, const v1::Model& base) {
  if (tune.method_case() == v1::FineTune::METHOD_NOT_SET) tune.mutable_full();
  if (!tune.has_lora()) return;
  using L = v1::LoraTuning;
  L& lora = *tune.mutable_lora();
  Default(lora, lora.has_rank(), &L::set_rank, int64_t{8});
  Default(lora, lora.has_alpha(), &L::set_alpha, 8.0);
  Default(lora, lora.has_dropout(), &L::set_dropout, 0.0);
  Default(lora, lora.has_rslora(), &L::set_rslora, false);
  FillTargets(lora, base);
}

void FillDecoding(v1::Decoding& decoding) {
  using D = v1::Decoding;
  Default(decoding, decoding.beam_size() != 0, &D::set_beam_size, int64_t{1});
  Default(decoding, decoding.has_length_penalty(), &D::set_length_penalty, 1.0);
}

void FillTask(v1::FineTune& tune) {
  if (tune.has_translation()) FillDecoding(*tune.mutable_translation()->mutable_decoding());
  if (!tune.has_image_classification()) return;
  v1::ImageClassification& task = *tune.mutable_image_classification();
  if (task.batch_norms() == v1::BATCH_NORMS_UNSPECIFIED) {
    task.set_batch_norms(v1::BATCH_NORMS_FIXED_STATISTICS);
  }
}

void FillPolicies(v1::FineTune& tune, const v1::Dataset& train) {
  using E = v1::EvaluationPolicy;
  E& evaluation = *tune.mutable_evaluation();
  Default(evaluation, evaluation.has_every_steps(), &E::set_every_steps, int64_t{0});
  Default(evaluation, evaluation.has_early_stopping_patience(), &E::set_early_stopping_patience,
          int64_t{0});
  Default(evaluation, evaluation.has_early_stopping_min_delta(), &E::set_early_stopping_min_delta,
          0.0);
  if (!evaluation.has_best_metric()) {
    evaluation.set_best_metric(MetricsOf(KindOf(train), LabelKindOf(train)).front());
  }

  v1::CheckpointPolicy& checkpoints = *tune.mutable_checkpoints();
  if (!checkpoints.has_interval()) checkpoints.mutable_interval()->set_seconds(300);
  Default(checkpoints, checkpoints.has_every_steps(), &v1::CheckpointPolicy::set_every_steps,
          int64_t{0});
}

// What Evaluate and Predict have in common. A model that is still CHECKING may prove to be of
// another task than the rows suggest; then that is set when this is filled again.
template <typename Work>
void FillUse(Work& work, const JobInputs& inputs) {
  const bool known = inputs.model.state() == v1::Model::READY;
  const InputKind rows = KindOf(*inputs.test);
  const InputKind kind = known && rows != InputKind::kImages ? KindOf(inputs.model) : rows;
  work.set_task(TaskOn(kind));
  if (known && kind == InputKind::kPairs) FillDecoding(*work.mutable_decoding());
}

}  // namespace

void FillDefaults(v1::JobSpec& spec, const JobInputs& inputs) {
  if (spec.has_fine_tune()) {
    v1::FineTune& tune = *spec.mutable_fine_tune();
    FillMethod(tune, inputs.model);
    FillTask(tune);
    FillHyperparameters(tune);
    FillPolicies(tune, *inputs.train);
  } else if (spec.has_predict()) {
    FillUse(*spec.mutable_predict(), inputs);
  } else if (spec.has_evaluate()) {
    FillUse(*spec.mutable_evaluate(), inputs);
    Default(*spec.mutable_evaluate(), spec.evaluate().has_compare_base(),
            &v1::Evaluate::set_compare_base, inputs.compare.has_value());
  }
  v1::Resources& resources = *spec.mutable_resources();
  Default(resources, resources.has_memory_bytes(), &v1::Resources::set_memory_bytes, int64_t{0});
  v1::RetryPolicy& retry = *spec.mutable_retry();
  Default(retry, retry.has_max_infra_retries(), &v1::RetryPolicy::set_max_infra_retries, 20);
  Default(retry, retry.has_halve_batch_when_out_of_memory(),
          &v1::RetryPolicy::set_halve_batch_when_out_of_memory, true);
}

}  // namespace attune
