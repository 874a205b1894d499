// SPDX-License-Identifier: Apache-2.0
#include "client/cli/model_argument.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "attune/v1/job.pb.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "client/cli/names.h"
#include "client/job_watcher.h"
#include "client/text/job_text.h"

namespace attune {
namespace {

// The model that a job made.
absl::StatusOr<std::string> ModelOfJob(Connection& connection, const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(name);
  ATTUNE_ASSIGN_OR_RETURN(const v1::Job job,
                          connection.Call(&v1::JobService::Stub::GetJob, request));
  if (!job.output_model().empty()) return job.output_model();
  return MakeError(absl::StatusCode::kFailedPrecondition, "WRONG_STATE",
                   absl::StrCat(name, " has no model: it is ", StateWords(job)),
                   {{"remedy", HasEnded(job.state()) ? absl::StrCat("see why: attune get ", name)
                                                     : absl::StrCat("wait: attune wait ", name)}});
}

absl::StatusOr<std::string> ModelName(Connection& connection, const std::string& what) {
  if (absl::StartsWith(what, "models/")) return NameFromArgument("models", what);
  ATTUNE_ASSIGN_OR_RETURN(const std::string job, NameFromArgument("jobs", what));
  const auto model = ModelOfJob(connection, job);
  if (absl::IsNotFound(model.status()) && IsResourceId(what)) {
    return ResourceName("models", what);
  }
  return model;
}

}  // namespace

absl::StatusOr<v1::Model> FetchModel(Connection& connection, const std::string& argument) {
  v1::GetModelRequest request;
  ATTUNE_ASSIGN_OR_RETURN(*request.mutable_name(), ModelName(connection, argument));
  return connection.Call(&v1::ModelService::Stub::GetModel, request);
}

}  // namespace attune
