// SPDX-License-Identifier: Apache-2.0
#include "client/cli/job_request.h"

#include <filesystem>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/checkpoint_choice.h"
#include "client/cli/job_inputs.h"
#include "client/cli/names.h"
#include "client/client_errors.h"
#include "client/spec/job_yaml.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::string> ReadAll(const std::string& file, std::istream& in, FileSystem& files) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(in), {});
  auto text = files.ReadFile(file, kMaxJobFileBytes);
  if (!text.ok()) return LocalFileError(text.status(), file);
  return text;
}

// "./reviews.csv" in dir/job.yaml is dir/reviews.csv.
void MakeRelativeTo(const std::string& file, std::string_view collection, std::string& input) {
  if (input.empty() || IsName(collection, input) || fs::path(input).is_absolute()) return;
  input = (fs::path(file).parent_path() / input).string();
}

v1::Job StartFrom(const v1::Job* origin) {
  v1::Job job;
  if (origin == nullptr) {
    job.mutable_spec()->mutable_fine_tune();
    return job;
  }
  *job.mutable_spec() = origin->spec();
  v1::FineTune* const tune =
      job.spec().has_fine_tune() ? job.mutable_spec()->mutable_fine_tune() : nullptr;
  if (tune != nullptr && tune->has_start_checkpoint()) {
    tune->mutable_start_checkpoint()->clear_files();
  }
  *job.mutable_labels() = origin->labels();
  job.set_display_name(origin->display_name());
  job.set_priority(origin->priority());
  return job;
}

absl::StatusOr<v1::Job> ReadJobFile(const std::string& file, std::istream& in, FileSystem& files) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, ReadAll(file, in, files));
  const bool is_stdin = file == "-";
  ATTUNE_ASSIGN_OR_RETURN(v1::Job job, ParseJobYaml(text, is_stdin ? "<stdin>" : file));
  if (is_stdin || job.spec().work_case() == v1::JobSpec::WORK_NOT_SET) return job;
  const InputFields inputs = InputFieldsOf(*job.mutable_spec());
  MakeRelativeTo(file, "models", *inputs.model);
  for (std::string* dataset : inputs.datasets) MakeRelativeTo(file, "datasets", *dataset);
  return job;
}

absl::Status ApplyLabels(const JobOptions& options, v1::Job& job) {
  for (const std::string& label : options.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return ClientError(ClientReason::kUsage, absl::StrCat("--label ", label, ": expected K=V"),
                         "for example --label team=nlp");
    }
    (*job.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  return absl::OkStatus();
}

// What the method had is kept when it is named again.
void ApplyMethod(const std::string& method, v1::FineTune& spec) {
  if (method == "full") spec.mutable_full();
  if (method == "lora") spec.mutable_lora();
  if (method == "head") spec.mutable_head();
  if (method == "partial") spec.mutable_partial();
}

// What the task had is kept when it is named again.
void ApplyTask(const std::string& task, v1::FineTune& spec) {
  if (task == "text_classification") spec.mutable_text_classification();
  if (task == "image_classification") spec.mutable_image_classification();
  if (task == "translation") spec.mutable_translation();
}

// Beams are of translation alone, so they say which task it is where nobody did.
absl::Status ApplyBeam(int64_t beam_size, v1::JobSpec& spec) {
  if (beam_size == 0) return absl::OkStatus();
  if (spec.has_evaluate()) {
    spec.mutable_evaluate()->mutable_decoding()->set_beam_size(beam_size);
  } else if (spec.has_predict()) {
    spec.mutable_predict()->mutable_decoding()->set_beam_size(beam_size);
  } else if (spec.fine_tune().has_translation() ||
             spec.fine_tune().task_case() == v1::FineTune::TASK_NOT_SET) {
    v1::Translation& task = *spec.mutable_fine_tune()->mutable_translation();
    task.mutable_decoding()->set_beam_size(beam_size);
  } else {
    return ClientError(ClientReason::kUsage,
                       "--beam is of translation, and the job's task is another",
                       "leave it out, or name the task: --task translation");
  }
  return absl::OkStatus();
}

// "newest", "best" or a step of the origin's checkpoints.
absl::Status ApplyCheckpoint(const std::string& which, const v1::Job* origin, v1::JobSpec& spec) {
  if (which.empty()) return absl::OkStatus();
  if (origin == nullptr || !origin->spec().has_fine_tune()) {
    return ClientError(ClientReason::kUsage,
                       "--checkpoint is one of the fine-tuning job that --from names",
                       "use --from JOB --checkpoint newest, or --set start_checkpoint.job=JOB");
  }
  ATTUNE_ASSIGN_OR_RETURN(*spec.mutable_fine_tune()->mutable_start_checkpoint(),
                          CheckpointChoice(which, origin->name()));
  return absl::OkStatus();
}

bool HasFineTuneFlags(const JobOptions& options) {
  return !(options.method.empty() && options.task.empty() && options.base.empty() &&
           options.train.empty() && options.eval.empty() && options.test.empty() &&
           !options.eval_fraction);
}

void ApplyFineTuneFlags(const JobOptions& options, v1::FineTune& spec) {
  ApplyMethod(options.method, spec);
  ApplyTask(options.task, spec);
  if (!options.base.empty()) spec.set_base_model(options.base);
  if (!options.train.empty()) spec.set_train_dataset(options.train);
  if (!options.eval.empty()) spec.set_eval_dataset(options.eval);
  if (!options.test.empty()) spec.set_test_dataset(options.test);
  if (options.eval_fraction) spec.set_eval_fraction(*options.eval_fraction);
}

absl::Status ApplyFlags(const JobOptions& options, v1::Job& job) {
  v1::JobSpec& spec = *job.mutable_spec();
  if (!spec.has_evaluate() && !spec.has_predict()) {
    ApplyFineTuneFlags(options, *spec.mutable_fine_tune());
  } else if (HasFineTuneFlags(options)) {
    return ClientError(ClientReason::kUsage,
                       "this job does not fine-tune, so --base, --train, --eval, --test, "
                       "--eval-fraction, --method and --task do not fit",
                       "use --set, for example --set dataset=reviews");
  }
  ATTUNE_RETURN_IF_ERROR(ApplyBeam(options.beam_size, spec));
  if (options.priority) job.set_priority(*options.priority);
  ATTUNE_RETURN_IF_ERROR(ApplyLabels(options, job));
  for (const std::string& setting : options.settings) {
    ATTUNE_RETURN_IF_ERROR(ApplySetting(setting, spec));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::CreateJobRequest> BuildJobRequest(const JobOptions& options,
                                                     const v1::Job* origin, std::istream& in,
                                                     FileSystem& files) {
  v1::CreateJobRequest request;
  v1::Job job;
  if (options.file.empty()) {
    job = StartFrom(origin);
  } else {
    ATTUNE_ASSIGN_OR_RETURN(job, ReadJobFile(options.file, in, files));
  }
  ATTUNE_RETURN_IF_ERROR(ApplyCheckpoint(options.checkpoint, origin, *job.mutable_spec()));
  ATTUNE_RETURN_IF_ERROR(ApplyFlags(options, job));
  const std::string id = options.id.empty() ? job.name() : options.id;
  if (!id.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string name, NameFromArgument("jobs", id));
    request.set_job_id(name.substr(name.find('/') + 1));
  }
  request.set_job_id_prefix(options.id_prefix);
  job.clear_name();
  *request.mutable_job() = std::move(job);
  return request;
}

}  // namespace attune
