// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_validator.h"

#include <cctype>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/resource_name.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/jobs/field_checks.h"

namespace attune {
namespace {

constexpr int kMaxPairs = 32;
constexpr int kMaxPairBytes = 63;
constexpr int kMaxDisplayCharacters = 128;
constexpr size_t kMaxPrefix = 40;
constexpr int64_t kMaxSeconds = int64_t{10} * 366 * 86400;  // ten years

bool IsUuid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != kShape.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits =
        kShape[i] == '-' ? text[i] == '-' : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (!fits) return false;
  }
  return true;
}

void CheckIds(const v1::CreateJobRequest& request, FieldChecks& checks) {
  constexpr char kIdRule[] =
      "must be 1 to 63 lower-case letters, digits and '-', first a letter, not last '-', got ";
  if (!request.job_id().empty() && !IsResourceId(request.job_id())) {
    checks.Add("job_id", absl::StrCat(kIdRule, Echo(request.job_id())));
  }
  if (const std::string& prefix = request.job_id_prefix(); !prefix.empty()) {
    if (!request.job_id().empty()) {
      checks.Add("job_id_prefix", "must not be set together with job_id");
    } else if (!IsResourceId(prefix) || prefix.size() > kMaxPrefix) {
      checks.Add("job_id_prefix", absl::StrCat("must be an id of at most ", kMaxPrefix,
                                               " characters, got ", Echo(prefix)));
    }
  }
  if (!request.request_id().empty() && !IsUuid(request.request_id())) {
    checks.Add("request_id",
               absl::StrCat("must be a UUID like \"1b4e28ba-2fa1-41d2-883f-0016d3cca427\", got ",
                            Echo(request.request_id())));
  }
}

void CheckHyperparameters(const v1::Hyperparameters& h, FieldChecks& checks) {
  const std::string base = "job.spec.fine_tune.hyperparameters.";
  const auto number = [&](const char* name, bool set, double value, NumberRange range) {
    if (set) checks.Number(base + name, value, range);
  };
  number("epochs", h.has_epochs(), h.epochs(), {.low = 0, .high = 1000, .low_open = true});
  number("learning_rate", h.has_learning_rate(), h.learning_rate(),
         {.low = 0, .high = 1, .low_open = true});
  number("warmup_ratio", h.has_warmup_ratio(), h.warmup_ratio(),
         {.low = 0, .high = 1, .high_open = true});
  number("weight_decay", h.has_weight_decay(), h.weight_decay(), {.low = 0, .high = 1});
  number("adam_beta1", h.has_adam_beta1(), h.adam_beta1(),
         {.low = 0, .high = 1, .high_open = true});
  number("adam_beta2", h.has_adam_beta2(), h.adam_beta2(),
         {.low = 0, .high = 1, .high_open = true});
  number("adam_epsilon", h.has_adam_epsilon(), h.adam_epsilon(),
         {.low = 0, .high = 1, .low_open = true});
  number("max_grad_norm", h.has_max_grad_norm(), h.max_grad_norm(),
         {.low = 0, .high = std::numeric_limits<float>::max()});
  number("dropout", h.has_dropout(), h.dropout(), {.low = 0, .high = 1, .high_open = true});
  if (h.has_batch_size()) checks.Integer(base + "batch_size", h.batch_size(), 1, 65536);
  if (h.has_gradient_accumulation_steps()) {
    checks.Integer(base + "gradient_accumulation_steps", h.gradient_accumulation_steps(), 1, 4096);
  }
  checks.AtLeast(base + "warmup_steps", h.warmup_steps(), 0);
  checks.AtLeast(base + "max_steps", h.max_steps(), 0);
  if (h.warmup_steps() > 0 && h.warmup_ratio() > 0) {
    checks.Add(base + "warmup_steps", "must not be set together with warmup_ratio");
  }
}

void CheckPolicies(const v1::FineTune& tune, FieldChecks& checks) {
  checks.AtLeast("job.spec.fine_tune.evaluation.every_steps", tune.evaluation().every_steps(), 0);
  const std::string& metric = tune.evaluation().best_metric();
  if (tune.evaluation().has_best_metric() && metric != "accuracy" && metric != "macro_f1" &&
      metric != "weighted_f1" && metric != "loss") {
    checks.Add("job.spec.fine_tune.evaluation.best_metric",
               absl::StrCat("must be accuracy, macro_f1, weighted_f1 or loss, got ", Echo(metric)));
  }
  if (tune.checkpoints().has_interval()) {
    checks.Duration("job.spec.fine_tune.checkpoints.interval", tune.checkpoints().interval(), 1,
                    kMaxSeconds);
  }
  checks.AtLeast("job.spec.fine_tune.checkpoints.every_steps", tune.checkpoints().every_steps(), 0);
}

void CheckFineTune(const v1::FineTune& tune, FieldChecks& checks) {
  checks.Reference("job.spec.fine_tune.base_model", "models", tune.base_model());
  checks.Reference("job.spec.fine_tune.train_dataset", "datasets", tune.train_dataset());
  if (!tune.eval_dataset().empty()) {
    checks.Reference("job.spec.fine_tune.eval_dataset", "datasets", tune.eval_dataset());
  }
  if (!tune.test_dataset().empty()) {
    checks.Reference("job.spec.fine_tune.test_dataset", "datasets", tune.test_dataset());
  }
  checks.Number("job.spec.fine_tune.eval_fraction", tune.eval_fraction(), {.low = 0, .high = 0.5});
  if (!tune.eval_dataset().empty() && tune.eval_fraction() > 0) {
    checks.Add("job.spec.fine_tune.eval_fraction", "must not be set together with eval_dataset");
  }
  if (tune.task_case() == v1::FineTune::TASK_NOT_SET) {
    checks.Add("job.spec.fine_tune.task", "is required: set text_classification");
  } else {
    checks.Integer("job.spec.fine_tune.text_classification.max_length",
                   tune.text_classification().max_length(), 0, 1 << 20);
  }
  CheckHyperparameters(tune.hyperparameters(), checks);
  CheckPolicies(tune, checks);
}

void CheckResources(const v1::JobSpec& spec, FieldChecks& checks) {
  if (spec.resources().has_threads()) {
    checks.Integer("job.spec.resources.threads", spec.resources().threads(), 1, 1024);
  }
  checks.AtLeast("job.spec.resources.memory_bytes", spec.resources().memory_bytes(), 0);
  checks.Pairs("job.spec.resources.worker_labels", spec.resources().worker_labels(), kMaxPairs,
               kMaxPairBytes);
  if (spec.retry().has_max_infra_retries()) {
    checks.Integer("job.spec.retry.max_infra_retries", spec.retry().max_infra_retries(), 0, 20);
  }
  if (spec.has_max_run_duration()) {
    checks.Duration("job.spec.max_run_duration", spec.max_run_duration(), 1, kMaxSeconds);
  }
}

template <typename Message, typename Value>
void Default(Message& message, bool set, void (Message::*setter)(Value), Value value) {
  if (!set) (message.*setter)(value);
}

void FillHyperparameters(v1::Hyperparameters& h) {
  using H = v1::Hyperparameters;
  Default(h, h.has_epochs(), &H::set_epochs, 3.0);
  Default(h, h.has_batch_size(), &H::set_batch_size, int64_t{8});
  Default(h, h.has_gradient_accumulation_steps(), &H::set_gradient_accumulation_steps, int64_t{1});
  Default(h, h.has_learning_rate(), &H::set_learning_rate, 5e-5);
  Default(h, h.has_warmup_ratio(), &H::set_warmup_ratio, 0.0);
  Default(h, h.has_warmup_steps(), &H::set_warmup_steps, int64_t{0});
  Default(h, h.has_weight_decay(), &H::set_weight_decay, 0.0);
  Default(h, h.has_adam_beta1(), &H::set_adam_beta1, 0.9);
  Default(h, h.has_adam_beta2(), &H::set_adam_beta2, 0.999);
  Default(h, h.has_adam_epsilon(), &H::set_adam_epsilon, 1e-8);
  Default(h, h.has_max_grad_norm(), &H::set_max_grad_norm, 1.0);
  Default(h, h.has_seed(), &H::set_seed, uint64_t{0});
  Default(h, h.has_max_steps(), &H::set_max_steps, int64_t{0});
}

}  // namespace

std::vector<FieldViolation> ValidateJob(const v1::CreateJobRequest& request) {
  FieldChecks checks;
  CheckIds(request, checks);
  const v1::Job& job = request.job();
  checks.DisplayText("job.display_name", job.display_name(), kMaxDisplayCharacters);
  checks.Pairs("job.labels", job.labels(), kMaxPairs, kMaxPairBytes);
  checks.Integer("job.priority", job.priority(), -1000, 1000);
  // An empty request is told of every missing field, not only of the outermost.
  CheckFineTune(job.spec().fine_tune(), checks);
  CheckResources(job.spec(), checks);
  return checks.Take();
}

void FillDefaults(v1::JobSpec& spec) {
  v1::FineTune& tune = *spec.mutable_fine_tune();
  if (tune.method_case() == v1::FineTune::METHOD_NOT_SET) tune.mutable_full();
  FillHyperparameters(*tune.mutable_hyperparameters());

  v1::EvaluationPolicy& evaluation = *tune.mutable_evaluation();
  Default(evaluation, evaluation.has_every_steps(), &v1::EvaluationPolicy::set_every_steps,
          int64_t{0});
  if (!evaluation.has_best_metric()) evaluation.set_best_metric("accuracy");

  v1::CheckpointPolicy& checkpoints = *tune.mutable_checkpoints();
  if (!checkpoints.has_interval()) checkpoints.mutable_interval()->set_seconds(300);
  Default(checkpoints, checkpoints.has_every_steps(), &v1::CheckpointPolicy::set_every_steps,
          int64_t{0});

  v1::Resources& resources = *spec.mutable_resources();
  Default(resources, resources.has_memory_bytes(), &v1::Resources::set_memory_bytes, int64_t{0});
  v1::RetryPolicy& retry = *spec.mutable_retry();
  Default(retry, retry.has_max_infra_retries(), &v1::RetryPolicy::set_max_infra_retries, 20);
}

std::string RequestDigest(const v1::CreateJobRequest& request) {
  v1::CreateJobRequest body = request;
  body.clear_request_id();
  body.clear_validate_only();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream sink(&bytes);
    google::protobuf::io::CodedOutputStream out(&sink);
    out.SetSerializationDeterministic(true);  // maps sorted by key
    body.SerializeToCodedStream(&out);
  }
  return Sha256::Hex(bytes);
}

std::string TaskName(const v1::JobSpec& spec) {
  switch (spec.fine_tune().task_case()) {
    case v1::FineTune::kTextClassification:
      return "text_classification";
    case v1::FineTune::TASK_NOT_SET:
      break;
  }
  return "unknown";
}

}  // namespace attune
