// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_validator.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/resource_name.h"
#include "server/jobs/canonical_bytes.h"
#include "server/jobs/field_checks.h"
#include "server/jobs/input_kind.h"
#include "server/jobs/start_checkpoint.h"
#include "server/jobs/task_validator.h"

namespace attune {
namespace {

constexpr int kMaxPairs = 32;
constexpr int kMaxPairBytes = 63;
constexpr int kMaxDisplayCharacters = 128;
constexpr size_t kMaxPrefix = 40;
constexpr int64_t kMaxSeconds = int64_t{10} * 366 * 86400;  // ten years
constexpr double kAnyFinite = std::numeric_limits<float>::max();
constexpr int64_t kMaxLayers = 1024;
constexpr int kMaxEntries = 64;        // of a list in the spec
constexpr size_t kMaxNameBytes = 128;  // of a module or parameter

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

// What a module or parameter of a model may be called: "bert.encoder.layer.5", "query".
void CheckModelName(const std::string& field, const std::string& name, FieldChecks& checks) {
  const bool plain = !name.empty() && name.size() <= kMaxNameBytes &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
                              c == '.' || c == '-';
                     });
  if (plain) return;
  checks.Add(field, absl::StrCat("must be 1 to ", kMaxNameBytes,
                                 " letters, digits, '_', '.' and '-', got ", Echo(name)));
}

void CheckGroups(const v1::Hyperparameters& h, FieldChecks& checks) {
  const std::string base = "job.spec.fine_tune.hyperparameters.parameter_groups";
  if (!checks.Count(base, h.parameter_groups_size(), kMaxEntries)) return;
  std::set<std::string> seen;
  for (int i = 0; i < h.parameter_groups_size(); ++i) {
    const v1::ParameterGroup& group = h.parameter_groups(i);
    const std::string field = absl::StrCat(base, "[", i, "].");
    CheckModelName(field + "prefix", group.prefix(), checks);
    checks.Number(field + "learning_rate", group.learning_rate(),
                  {.low = 0, .high = 1, .low_open = true});
    if (!seen.insert(group.prefix()).second) checks.Add(field + "prefix", "stands there twice");
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
  number("max_grad_norm", h.has_max_grad_norm(), h.max_grad_norm(), {.low = 0, .high = kAnyFinite});
  number("label_smoothing", h.has_label_smoothing(), h.label_smoothing(),
         {.low = 0, .high = 1, .high_open = true});
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
  if (!v1::Schedule_IsValid(h.schedule())) {
    checks.Add(base + "schedule",
               absl::StrCat("must be SCHEDULE_LINEAR, SCHEDULE_COSINE or SCHEDULE_CONSTANT, got ",
                            static_cast<int>(h.schedule())));
  }
  if (!v1::Precision_IsValid(h.precision())) {
    checks.Add(base + "precision",
               absl::StrCat("must be PRECISION_FP32, PRECISION_BF16 or PRECISION_AUTO, got ",
                            static_cast<int>(h.precision())));
  }
  CheckGroups(h, checks);
}

void CheckLora(const v1::LoraTuning& lora, FieldChecks& checks) {
  const std::string base = "job.spec.fine_tune.lora.";
  if (lora.has_rank()) checks.Integer(base + "rank", lora.rank(), 1, 1024);
  if (lora.has_alpha()) {
    checks.Number(base + "alpha", lora.alpha(), {.low = 0, .high = kAnyFinite, .low_open = true});
  }
  if (lora.has_dropout()) {
    checks.Number(base + "dropout", lora.dropout(), {.low = 0, .high = 1, .high_open = true});
  }
  if (!checks.Count(base + "target_modules", lora.target_modules_size(), kMaxEntries)) return;
  std::set<std::string> seen;
  for (int i = 0; i < lora.target_modules_size(); ++i) {
    const std::string& module = lora.target_modules(i);
    const std::string field = absl::StrCat(base, "target_modules[", i, "]");
    if (module == "all-linear" && lora.target_modules_size() > 1) {
      checks.Add(field, "\"all-linear\" stands for every layer and must be alone");
    } else {
      CheckModelName(field, module, checks);
    }
    if (!seen.insert(module).second) checks.Add(field, "stands there twice");
  }
}

void CheckMethod(const v1::FineTune& tune, FieldChecks& checks) {
  if (tune.has_lora()) CheckLora(tune.lora(), checks);
  if (tune.has_partial()) {
    checks.Integer("job.spec.fine_tune.partial.top_layers", tune.partial().top_layers(), 1,
                   kMaxLayers);
  }
}

void CheckPolicies(const v1::FineTune& tune, FieldChecks& checks) {
  checks.AtLeast("job.spec.fine_tune.evaluation.every_steps", tune.evaluation().every_steps(), 0);
  const v1::EvaluationPolicy& evaluation = tune.evaluation();
  // Which metrics there are hangs on the labels (job_fit.h).
  if (evaluation.has_best_metric()) {
    CheckModelName("job.spec.fine_tune.evaluation.best_metric", evaluation.best_metric(), checks);
  }
  checks.AtLeast("job.spec.fine_tune.evaluation.early_stopping_patience",
                 evaluation.early_stopping_patience(), 0);
  checks.Number("job.spec.fine_tune.evaluation.early_stopping_min_delta",
                evaluation.early_stopping_min_delta(), {.low = 0, .high = kAnyFinite});
  if (evaluation.early_stopping_patience() > 0 && tune.eval_dataset().empty() &&
      tune.eval_fraction() == 0) {
    checks.Add("job.spec.fine_tune.evaluation.early_stopping_patience",
               "needs an eval_dataset or an eval_fraction above 0: without evaluations during "
               "training there is nothing to stop by");
  }
  if (tune.checkpoints().has_interval()) {
    checks.Duration("job.spec.fine_tune.checkpoints.interval", tune.checkpoints().interval(), 1,
                    kMaxSeconds);
  }
  checks.AtLeast("job.spec.fine_tune.checkpoints.every_steps", tune.checkpoints().every_steps(), 0);
}

void CheckFineTune(const v1::FineTune& tune, FieldChecks& checks) {
  if (tune.has_start_checkpoint()) CheckStartReference(tune.start_checkpoint(), checks);
  if (!tune.has_start_checkpoint() || !tune.base_model().empty()) {
    checks.Reference("job.spec.fine_tune.base_model", "models", tune.base_model());
  }
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
  CheckTask(tune, checks);
  CheckMethod(tune, checks);
  CheckHyperparameters(tune.hyperparameters(), checks);
  CheckPolicies(tune, checks);
}

// Evaluate and Predict have the same fields to check.
template <typename Work>
void CheckUseOfModel(const std::string& base, const Work& work, FieldChecks& checks) {
  checks.Reference(base + ".model", "models", work.model());
  checks.Reference(base + ".dataset", "datasets", work.dataset());
  checks.Integer(base + ".max_length", work.max_length(), 0, kMaxRowTokens);
  CheckDecoding(base + ".decoding", work.decoding(), checks);
}

void CheckWork(const v1::JobSpec& spec, FieldChecks& checks) {
  switch (spec.work_case()) {
    case v1::JobSpec::kFineTune:
      return CheckFineTune(spec.fine_tune(), checks);
    case v1::JobSpec::kEvaluate:
      return CheckUseOfModel("job.spec.evaluate", spec.evaluate(), checks);
    case v1::JobSpec::kPredict:
      return CheckUseOfModel("job.spec.predict", spec.predict(), checks);
    case v1::JobSpec::WORK_NOT_SET:
      return checks.Add("job.spec.work", "is required: set fine_tune, evaluate or predict");
  }
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

}  // namespace

std::vector<FieldViolation> ValidateJob(const v1::CreateJobRequest& request) {
  FieldChecks checks;
  CheckIds(request, checks);
  const v1::Job& job = request.job();
  checks.DisplayText("job.display_name", job.display_name(), kMaxDisplayCharacters);
  checks.Pairs("job.labels", job.labels(), kMaxPairs, kMaxPairBytes);
  checks.Integer("job.priority", job.priority(), -1000, 1000);
  CheckWork(job.spec(), checks);
  CheckResources(job.spec(), checks);
  return checks.Take();
}

std::string RequestDigest(const v1::CreateJobRequest& request) {
  v1::CreateJobRequest body = request;
  body.clear_request_id();
  body.clear_validate_only();
  return Sha256::Hex(CanonicalBytes(body));
}

std::string TaskName(const v1::JobSpec& spec) {
  if (spec.has_fine_tune()) return TaskOn(KindOf(spec.fine_tune()));
  const std::string& task = spec.has_evaluate() ? spec.evaluate().task() : spec.predict().task();
  return task.empty() ? TaskOn(InputKind::kTexts) : task;
}

std::string MethodName(const v1::JobSpec& spec) {
  if (spec.has_evaluate()) return "evaluate";
  if (spec.has_predict()) return "predict";
  switch (spec.fine_tune().method_case()) {
    case v1::FineTune::kLora:
      return "lora";
    case v1::FineTune::kHead:
      return "head";
    case v1::FineTune::kPartial:
      return "partial";
    case v1::FineTune::kFull:
    case v1::FineTune::METHOD_NOT_SET:
      break;
  }
  return "full";
}

}  // namespace attune
