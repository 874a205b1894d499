// SPDX-License-Identifier: Apache-2.0
#include "client/cli/job_request.h"

#include <filesystem>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
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

absl::StatusOr<v1::Job> ReadJobFile(const std::string& file, std::istream& in, FileSystem& files) {
  if (file.empty()) {
    v1::Job job;
    job.mutable_spec()->mutable_fine_tune()->mutable_text_classification();
    return job;
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, ReadAll(file, in, files));
  const bool is_stdin = file == "-";
  ATTUNE_ASSIGN_OR_RETURN(v1::Job job, ParseJobYaml(text, is_stdin ? "<stdin>" : file));
  if (is_stdin || !job.spec().has_fine_tune()) return job;
  v1::FineTune& spec = *job.mutable_spec()->mutable_fine_tune();
  MakeRelativeTo(file, "models", *spec.mutable_base_model());
  MakeRelativeTo(file, "datasets", *spec.mutable_train_dataset());
  MakeRelativeTo(file, "datasets", *spec.mutable_eval_dataset());
  MakeRelativeTo(file, "datasets", *spec.mutable_test_dataset());
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

absl::Status ApplyFlags(const JobOptions& options, v1::Job& job) {
  v1::FineTune& spec = *job.mutable_spec()->mutable_fine_tune();
  if (!options.base.empty()) spec.set_base_model(options.base);
  if (!options.train.empty()) spec.set_train_dataset(options.train);
  if (!options.eval.empty()) spec.set_eval_dataset(options.eval);
  if (!options.test.empty()) spec.set_test_dataset(options.test);
  if (options.eval_fraction) spec.set_eval_fraction(*options.eval_fraction);
  if (options.priority) job.set_priority(*options.priority);
  ATTUNE_RETURN_IF_ERROR(ApplyLabels(options, job));
  for (const std::string& setting : options.settings) {
    ATTUNE_RETURN_IF_ERROR(ApplySetting(setting, spec));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::CreateJobRequest> BuildJobRequest(const JobOptions& options, std::istream& in,
                                                     FileSystem& files) {
  v1::CreateJobRequest request;
  ATTUNE_ASSIGN_OR_RETURN(v1::Job job, ReadJobFile(options.file, in, files));
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
