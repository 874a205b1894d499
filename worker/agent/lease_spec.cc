// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_spec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "google/protobuf/util/time_util.h"

namespace attune {
namespace {

using google::protobuf::util::TimeUtil;

absl::Status Require(bool condition, const char* what) {
  if (condition) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the lease has no ", what));
}

absl::Status AddFiles(const google::protobuf::RepeatedPtrField<v1::FileRef>& files,
                      const std::string& folder, std::vector<InputFile>& inputs) {
  for (const v1::FileRef& file : files) {
    if (!StaysInFolder(file.path())) {
      return absl::InvalidArgumentError("a file of the lease has a path that leaves its folder");
    }
    inputs.push_back({file, absl::StrCat(folder, "/", file.path())});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FormatName(v1::Dataset::Format format) {
  switch (format) {
    case v1::Dataset::CSV:
      return "csv";
    case v1::Dataset::TSV:
      return "tsv";
    case v1::Dataset::JSONL:
      return "jsonl";
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("this worker does not know dataset format ", static_cast<int>(format)));
  }
}

// The folder is ours, the name is fixed: the user's file name is never used for a path.
std::string DatasetPath(const AttemptFolder& folder, const char* role) { return folder.data(role); }

absl::StatusOr<DatasetSpec> DatasetSpecOf(const v1::Dataset& dataset, std::string path) {
  DatasetSpec spec;
  spec.path = std::move(path);
  ATTUNE_ASSIGN_OR_RETURN(spec.format, FormatName(dataset.format()));
  for (const std::string& column : dataset.columns().text()) spec.text_columns.push_back(column);
  if (spec.text_columns.empty()) spec.text_columns.push_back("text");
  spec.label_column = dataset.columns().label().empty() ? "label" : dataset.columns().label();
  return spec;
}

absl::Status FillDatasets(const v1::Lease& lease, const AttemptFolder& folder, TrainerSpec& spec) {
  ATTUNE_ASSIGN_OR_RETURN(spec.train, DatasetSpecOf(lease.train(), DatasetPath(folder, "train")));
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

HyperparameterSpec HyperparametersOf(const v1::FineTune& work) {
  const v1::Hyperparameters& h = work.hyperparameters();
  HyperparameterSpec spec;
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
  SetIf(h.has_seed(), spec.seed, h.seed());
  spec.max_length = work.text_classification().max_length();
  return spec;
}

void FillPolicies(const v1::FineTune& work, TrainerSpec& spec) {
  spec.eval_every_steps = work.evaluation().every_steps();
  if (!work.evaluation().best_metric().empty()) spec.best_metric = work.evaluation().best_metric();
  if (work.checkpoints().has_interval()) {
    spec.checkpoint_interval_seconds =
        static_cast<double>(TimeUtil::DurationToMilliseconds(work.checkpoints().interval())) / 1000;
  }
  spec.checkpoint_every_steps = work.checkpoints().every_steps();
  spec.max_steps = work.hyperparameters().max_steps();
}

}  // namespace

absl::StatusOr<std::vector<InputFile>> InputsOf(const v1::Lease& lease,
                                                const AttemptFolder& folder) {
  ATTUNE_RETURN_IF_ERROR(Require(lease.base_model_files_size() > 0, "base model files"));
  ATTUNE_RETURN_IF_ERROR(Require(lease.has_train(), "training dataset"));
  std::vector<InputFile> inputs;
  ATTUNE_RETURN_IF_ERROR(AddFiles(lease.base_model_files(), folder.base(), inputs));
  inputs.push_back({lease.train().file(), DatasetPath(folder, "train")});
  if (lease.has_eval()) inputs.push_back({lease.eval().file(), DatasetPath(folder, "eval")});
  if (lease.has_test()) inputs.push_back({lease.test().file(), DatasetPath(folder, "test")});
  ATTUNE_RETURN_IF_ERROR(AddFiles(lease.resume_files(), folder.resume(), inputs));
  return inputs;
}

absl::StatusOr<TrainerSpec> TrainerSpecOf(const v1::Lease& lease, const AttemptFolder& folder,
                                          int slot_threads, const std::string& device) {
  const v1::FineTune& work = lease.spec().fine_tune();
  if (!lease.spec().has_fine_tune() || !work.has_text_classification()) {
    return absl::InvalidArgumentError(
        "this worker knows fine-tuning for text classification only; start a newer one for this "
        "job");
  }
  TrainerSpec spec;
  spec.job = lease.job();
  spec.attempt = lease.attempt();
  spec.fence = lease.fence();
  spec.work_dir = folder.trainer();
  spec.base_model_dir = folder.base();
  spec.base_model_name = work.base_model();
  spec.labels.assign(lease.labels().begin(), lease.labels().end());
  ATTUNE_RETURN_IF_ERROR(FillDatasets(lease, folder, spec));
  spec.hyperparameters = HyperparametersOf(work);
  FillPolicies(work, spec);
  spec.threads = lease.threads() > 0 ? lease.threads() : slot_threads;
  spec.device = device;
  if (lease.resume_files_size() > 0) spec.resume_dir = folder.resume();
  return spec;
}

}  // namespace attune
