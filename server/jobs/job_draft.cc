// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_draft.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/job_defaults.h"
#include "server/jobs/job_fit.h"
#include "server/jobs/job_inputs.h"
#include "server/jobs/job_validator.h"
#include "server/jobs/proto_time.h"
#include "server/jobs/start_checkpoint.h"

namespace attune {
namespace {

constexpr size_t kMaxStem = 40;
constexpr int kShortSuffix = 4;
constexpr int kLongSuffix = 20;

absl::StatusOr<bool> Exists(const Snapshot& snapshot, std::string_view id) {
  const auto found = GetJob(snapshot, id);
  if (absl::IsNotFound(found.status())) return false;
  if (!found.ok()) return found.status();
  return true;
}

absl::StatusOr<std::string> MakeId(const Snapshot& snapshot, const std::string& stem, Rng& rng) {
  for (int length = kShortSuffix; length <= kLongSuffix; ++length) {
    std::string id = absl::StrCat(stem, "-", rng.Suffix(length));
    ATTUNE_ASSIGN_OR_RETURN(const bool taken, Exists(snapshot, id));
    if (!taken) return id;
  }
  return MakeError(absl::StatusCode::kInternal, "INTERNAL_FAULT", "no free job id was found");
}

absl::StatusOr<std::string> ChooseId(const Snapshot& snapshot, const v1::CreateJobRequest& request,
                                     Rng& rng) {
  if (request.job_id().empty()) {
    // Past the validator, the dataset's name is "datasets/ID".
    const std::string stem =
        !request.job_id_prefix().empty()
            ? request.job_id_prefix()
            : SlugFrom(DatasetNameOf(request.job().spec()).substr(9), kMaxStem);
    return MakeId(snapshot, stem, rng);
  }
  ATTUNE_ASSIGN_OR_RETURN(const bool taken, Exists(snapshot, request.job_id()));
  if (!taken) return request.job_id();
  const std::string name = ResourceName("jobs", request.job_id());
  return MakeError(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
                   absl::StrCat(name, " exists; choose another job_id, or leave it out"),
                   {{"resource", name}});
}

// Fills in what the request left open, and holds it against the rows that it names.
absl::StatusOr<JobInputs> CompleteSpec(const Snapshot& snapshot, v1::JobSpec& spec) {
  ATTUNE_ASSIGN_OR_RETURN(const auto origin, ResolveStart(snapshot, spec));
  ATTUNE_ASSIGN_OR_RETURN(JobInputs inputs, ReadInputs(snapshot, spec));
  ATTUNE_RETURN_IF_ERROR(inputs.RefuseInvalid());
  std::vector<FieldViolation> violations = CheckFit(spec, inputs);
  FillDefaults(spec, inputs);
  if (origin) {
    for (FieldViolation& more : CheckStart(spec, inputs, *origin)) {
      violations.push_back(std::move(more));
    }
  }
  if (!violations.empty()) return InvalidFields(std::move(violations));
  return inputs;
}

}  // namespace

absl::StatusOr<JobDraft> DraftJob(const Snapshot& snapshot, const v1::CreateJobRequest& request,
                                  const Clock& clock, Rng& rng) {
  if (auto violations = ValidateJob(request); !violations.empty()) {
    return InvalidFields(std::move(violations));
  }
  v1::JobSpec spec = request.job().spec();
  ATTUNE_ASSIGN_OR_RETURN(const JobInputs inputs, CompleteSpec(snapshot, spec));
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ChooseId(snapshot, request, rng));

  JobDraft draft;
  draft.inputs_checking = inputs.checking();
  v1::Job& job = draft.record.job;
  job.set_name(ResourceName("jobs", id));
  job.set_uid(rng.Uuid());
  job.set_display_name(request.job().display_name());
  *job.mutable_labels() = request.job().labels();
  job.set_priority(request.job().priority());
  *job.mutable_spec() = std::move(spec);
  job.set_state(v1::Job::VALIDATING);
  if (draft.inputs_checking) job.set_reason(v1::Job::WAITING_FOR_DATASET);
  *job.mutable_create_time() = ToTimestamp(clock.Now());
  draft.record.request_id = request.request_id();
  draft.record.request_digest = RequestDigest(request);
  draft.record.check_key = CheckKey(inputs, job.spec());
  return draft;
}

absl::StatusOr<std::optional<JobRecord>> FindEarlier(const Snapshot& snapshot,
                                                     const v1::CreateJobRequest& request) {
  if (request.request_id().empty()) return std::nullopt;
  ATTUNE_ASSIGN_OR_RETURN(auto earlier, FindJobByRequest(snapshot, request.request_id()));
  if (!earlier || earlier->request_digest == RequestDigest(request)) return earlier;
  return MakeError(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
                   absl::StrCat("request_id ", request.request_id(), " made ", earlier->job.name(),
                                " with another body; use a new request_id for a new job"),
                   {{"resource", earlier->job.name()}});
}

}  // namespace attune
