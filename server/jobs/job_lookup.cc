// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_lookup.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"

namespace attune {

absl::StatusOr<JobRecord> LookUpJob(const Snapshot& snapshot, std::string_view job_id) {
  absl::StatusOr<JobRecord> record = GetJob(snapshot, job_id);
  if (!absl::IsNotFound(record.status())) return record;
  const std::string name = ResourceName("jobs", job_id);
  return MakeError(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                   absl::StrCat(name, " does not exist; `attune jobs` lists those that do"),
                   {{"resource", name}});
}

}  // namespace attune
