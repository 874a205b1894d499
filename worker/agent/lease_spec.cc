// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_spec.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "google/protobuf/util/time_util.h"
#include "worker/agent/lease_task.h"

namespace attune {
namespace {

using google::protobuf::util::TimeUtil;

absl::Status Require(bool condition, const char* what) {
  if (condition) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the lease has no ", what));
}

absl::StatusOr<std::string> FormatName(v1::Dataset::Format format) {
  switch (format) {
    case v1::Dataset::CSV:
      return "csv";
    case v1::Dataset::TSV:
      return "tsv";
    case v1::Dataset::JSONL:
      return "jsonl";
    case v1::Dataset::IMAGES:
      return "images";
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("this worker does not know dataset format ", static_cast<int>(format)));
  }
}

absl::StatusOr<std::string> LabelKindName(v1::LabelKind kind) {
  switch (kind) {
    case v1::LABEL_KIND_UNSPECIFIED:
    case v1::LABEL_KIND_SINGLE:
      return "single";
    case v1::LABEL_KIND_MULTI:
      return "multi";
    case v1::LABEL_KIND_NUMBER:
      return "number";
    case v1::LABEL_KIND_TEXT:
      return "text";
    case v1::LABEL_KIND_NONE:
      return "none";
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("this worker does not know label kind ", static_cast<int>(kind)));
  }
}

absl::StatusOr<std::string> ScheduleName(v1::Schedule schedule) {
  switch (schedule) {
    case v1::SCHEDULE_UNSPECIFIED:
    case v1::SCHEDULE_LINEAR:
      return "linear";
    case v1::SCHEDULE_COSINE:
      return "cosine";
    case v1::SCHEDULE_CONSTANT:
      return "constant";
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("this worker does not know schedule ", static_cast<int>(schedule)));
  }
}

absl::StatusOr<std::string> PrecisionName(v1::Precision precision) {
  switch (precision) {
    case v1::PRECISION_UNSPECIFIED:
    case v1::PRECISION_FP32:
      return "fp32";
    case v1::PRECISION_BF16:
      return "bf16";
    case v1::PRECISION_AUTO:
      return "auto";
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("this worker does not know precision ", static_cast<int>(precision)));
  }
}

// The folder is ours, the name is fixed: the user's file name is never used for a path.
std::string DatasetPath(const AttemptFolder& folder, const char* role) { return folder.data(role); }

absl::StatusOr<DatasetSpec> DatasetSpecOf(const v1::Dataset& dataset, std::string path) {
  DatasetSpec spec;
  spec.path = std::move(path);
  ATTUNE_ASSIGN_OR_RETURN(spec.format, FormatName(dataset.format()));
  for (const std::string& column : dataset.columns().text()) spec.text_columns.push_back(column);
  if (spec.text_columns.empty() && dataset.format() != v1::Dataset::IMAGES) {
    spec.text_columns.push_back("text");
  }
  const v1::TextColumns& columns = dataset.columns();
  spec.label_column = columns.label().empty() ? "label" : columns.label();
  ATTUNE_ASSIGN_OR_RETURN(spec.label_kind, LabelKindName(columns.label_kind()));
  if (!columns.label_separator().empty()) spec.label_separator = columns.label_separator();
  spec.label_names = {columns.label_names().begin(), columns.label_names().end()};
  spec.sha256 = dataset.file().sha256();
  return spec;
}

absl::Status FillDatasets(const v1::Lease& lease, const AttemptFolder& folder, TrainerSpec& spec) {
  if (lease.has_train()) {
    ATTUNE_ASSIGN_OR_RETURN(spec.train, DatasetSpecOf(lease.train(), DatasetPath(folder, "train")));
  }
  if (lease.has_eval()) {
    ATTUNE_ASSIGN_OR_RETURN(spec.eval, DatasetSpecOf(lease.eval(), DatasetPath(folder, "eval")));
  } else {
    spec.eval_fraction = lease.spec().fine_tune().eval_fraction();
  }
  if (lease.has_test()) {
    ATTUNE_ASSIGN_OR_RETURN(spec.test, DatasetSpecOf(lease.test(), DatasetPath(folder, "test")));
  }
  return absl::OkStatus();
}

template <typename To, typename From>
void SetIf(bool present, To& to, const From& from) {
  if (present) to = from;
}

absl::StatusOr<HyperparameterSpec> HyperparametersOf(const v1::FineTune& work) {
  const v1::Hyperparameters& h = work.hyperparameters();
  HyperparameterSpec spec;
  ATTUNE_ASSIGN_OR_RETURN(spec.schedule, ScheduleName(h.schedule()));
  ATTUNE_ASSIGN_OR_RETURN(spec.precision, PrecisionName(h.precision()));
  SetIf(h.has_epochs(), spec.epochs, h.epochs());
  SetIf(h.has_batch_size(), spec.batch_size, h.batch_size());
  SetIf(h.has_gradient_accumulation_steps(), spec.gradient_accumulation_steps,
        h.gradient_accumulation_steps());
  SetIf(h.has_learning_rate(), spec.learning_rate, h.learning_rate());
  SetIf(h.has_warmup_ratio(), spec.warmup_ratio, h.warmup_ratio());
  SetIf(h.has_warmup_steps(), spec.warmup_steps, h.warmup_steps());
  SetIf(h.has_weight_decay(), spec.weight_decay, h.weight_decay());
  SetIf(h.has_adam_beta1(), spec.adam_beta1, h.adam_beta1());
  SetIf(h.has_adam_beta2(), spec.adam_beta2, h.adam_beta2());
  SetIf(h.has_adam_epsilon(), spec.adam_epsilon, h.adam_epsilon());
  SetIf(h.has_max_grad_norm(), spec.max_grad_norm, h.max_grad_norm());
  spec.dropout = h.has_dropout() ? h.dropout() : -1;  // as the base's config.json says
  SetIf(h.has_label_smoothing(), spec.label_smoothing, h.label_smoothing());
  for (const v1::ParameterGroup& group : h.parameter_groups()) {
    spec.parameter_groups.push_back({group.prefix(), group.learning_rate()});
  }
  SetIf(h.has_seed(), spec.seed, h.seed());
  return spec;
}

// More, smaller micro-batches; the batch of an optimizer step stays what it was.
void Divide(HyperparameterSpec& spec, int divisor) {
  if (divisor <= 1) return;
  spec.batch_size /= divisor;
  spec.gradient_accumulation_steps *= divisor;
}

LoraSpec LoraOf(const v1::LoraTuning& lora) {
  LoraSpec spec;
  SetIf(lora.has_rank(), spec.rank, lora.rank());
  SetIf(lora.has_alpha(), spec.alpha, lora.alpha());
  SetIf(lora.has_dropout(), spec.dropout, lora.dropout());
  if (!lora.target_modules().empty()) {
    spec.target_modules.assign(lora.target_modules().begin(), lora.target_modules().end());
  }
  SetIf(lora.has_rslora(), spec.rslora, lora.rslora());
  return spec;
}

absl::Status FillMethod(const v1::FineTune& work, TrainerSpec& spec) {
  switch (work.method_case()) {
    case v1::FineTune::kFull:
      spec.method = "full";
      return absl::OkStatus();
    case v1::FineTune::kLora:
      spec.method = "lora";
      spec.lora = LoraOf(work.lora());
      return absl::OkStatus();
    case v1::FineTune::kHead:
      spec.method = "head";
      return absl::OkStatus();
    case v1::FineTune::kPartial:
      spec.method = "partial";
      spec.top_layers = work.partial().top_layers();
      return absl::OkStatus();
    case v1::FineTune::METHOD_NOT_SET:
      break;  // of a newer server
  }
  return absl::InvalidArgumentError("this worker does not know the job's method of tuning");
}

void FillPolicies(const v1::FineTune& work, TrainerSpec& spec) {
  spec.eval_every_steps = work.evaluation().every_steps();
  if (!work.evaluation().best_metric().empty()) spec.best_metric = work.evaluation().best_metric();
  spec.early_stopping_patience = work.evaluation().early_stopping_patience();
  spec.early_stopping_min_delta = work.evaluation().early_stopping_min_delta();
  if (work.checkpoints().has_interval()) {
    spec.checkpoint_interval_seconds =
        static_cast<double>(TimeUtil::DurationToMilliseconds(work.checkpoints().interval())) / 1000;
  }
  spec.checkpoint_every_steps = work.checkpoints().every_steps();
  spec.max_steps = work.hyperparameters().max_steps();
}

// The checkpoint is part of what the job is, also where an attempt needs its files no more.
void FillStart(const v1::Lease& lease, const AttemptFolder& folder, TrainerSpec& spec) {
  const v1::CheckpointRef& start = lease.spec().fine_tune().start_checkpoint();
  spec.start_job = start.job();
  spec.start_step = start.step();
  for (const v1::FileRef& file : start.files()) {
    if (file.path() == kCheckpointManifest) spec.start_sha256 = file.sha256();
  }
  if (lease.start_files_size() > 0) spec.start_dir = folder.start();
}

absl::Status FillFineTune(const v1::Lease& lease, const AttemptFolder& folder, TrainerSpec& spec) {
  const v1::FineTune& work = lease.spec().fine_tune();
  spec.work = "fine_tune";
  spec.base_model_name = work.base_model();
  ATTUNE_RETURN_IF_ERROR(FillMethod(work, spec));
  ATTUNE_ASSIGN_OR_RETURN(spec.hyperparameters, HyperparametersOf(work));
  ATTUNE_RETURN_IF_ERROR(FillTask(work, spec));
  Divide(spec.hyperparameters, lease.micro_batch_divisor());
  FillPolicies(work, spec);
  FillStart(lease, folder, spec);
  return absl::OkStatus();
}

// What Evaluate and Predict have in common.
template <typename Work>
void FillUse(const Work& work, TrainerSpec& spec) {
  spec.base_model_name = work.model();
  spec.hyperparameters.max_length = work.max_length();
  SetIf(!work.task().empty(), spec.task, work.task());
  spec.decoding = DecodingOf(work.decoding());
}

absl::Status FillWork(const v1::Lease& lease, const AttemptFolder& folder, TrainerSpec& spec) {
  switch (lease.spec().work_case()) {
    case v1::JobSpec::kFineTune:
      return FillFineTune(lease, folder, spec);
    case v1::JobSpec::kEvaluate:
      spec.work = "evaluate";
      FillUse(lease.spec().evaluate(), spec);
      if (lease.compare_model_files_size() > 0) spec.compare_model_dir = folder.compare();
      return absl::OkStatus();
    case v1::JobSpec::kPredict:
      spec.work = "predict";
      FillUse(lease.spec().predict(), spec);
      spec.test->label_kind = "none";  // whatever the dataset has: no label is read
      return absl::OkStatus();
    case v1::JobSpec::WORK_NOT_SET:
      break;  // of a newer server
  }
  return absl::InvalidArgumentError(
      "this worker does not know the kind of this job; start a newer one for it");
}

// Tuning needs rows to train on, everything else rows to read.
absl::Status RequireRows(const v1::Lease& lease) {
  return lease.spec().has_fine_tune() ? Require(lease.has_train(), "training dataset")
                                      : Require(lease.has_test(), "dataset");
}

}  // namespace

absl::StatusOr<std::vector<InputFile>> InputsOf(const v1::Lease& lease,
                                                const AttemptFolder& folder) {
  ATTUNE_RETURN_IF_ERROR(Require(lease.base_model_files_size() > 0, "base model files"));
  ATTUNE_RETURN_IF_ERROR(RequireRows(lease));
  std::vector<InputFile> inputs;
  ATTUNE_RETURN_IF_ERROR(AddFiles(lease.base_model_files(), folder.base(), inputs));
  ATTUNE_RETURN_IF_ERROR(AddFiles(lease.compare_model_files(), folder.compare(), inputs));
  ATTUNE_RETURN_IF_ERROR(AddFiles(lease.start_files(), folder.start(), inputs));
  if (lease.has_train()) inputs.push_back({lease.train().file(), DatasetPath(folder, "train")});
  if (lease.has_eval()) inputs.push_back({lease.eval().file(), DatasetPath(folder, "eval")});
  if (lease.has_test()) inputs.push_back({lease.test().file(), DatasetPath(folder, "test")});
  const size_t others = inputs.size();
  ATTUNE_RETURN_IF_ERROR(AddFiles(lease.resume_files(), folder.resume(), inputs));
  for (size_t i = others; i < inputs.size(); ++i) inputs[i].of_checkpoint = true;
  return inputs;
}

absl::StatusOr<TrainerSpec> TrainerSpecOf(const v1::Lease& lease, const AttemptFolder& folder,
                                          const TrainerHost& host) {
  ATTUNE_RETURN_IF_ERROR(RequireRows(lease));
  TrainerSpec spec;
  spec.job = lease.job();
  spec.attempt = lease.attempt();
  spec.fence = lease.fence();
  spec.work_dir = folder.trainer();
  spec.base_model_dir = folder.base();
  spec.base_model_sha256 = DigestOfFolder(lease.base_model_files());
  spec.cache_dir = host.feature_dir;
  spec.labels.assign(lease.labels().begin(), lease.labels().end());
  ATTUNE_RETURN_IF_ERROR(FillDatasets(lease, folder, spec));
  ATTUNE_RETURN_IF_ERROR(FillWork(lease, folder, spec));
  spec.threads = lease.threads() > 0 ? lease.threads() : host.threads;
  spec.device = host.device;
  if (lease.resume_files_size() > 0) spec.resume_dir = folder.resume();
  return spec;
}

}  // namespace attune
