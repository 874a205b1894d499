// SPDX-License-Identifier: Apache-2.0
// A model as people name it: by its own name, or by the job that made it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "attune/v1/model.pb.h"
#include "client/connection.h"

namespace attune {

// "models/x", "jobs/x" or "x": a bare id is a job's or, where there is no such job, a model's.
// NOT_FOUND; FAILED_PRECONDITION for a job without a model.
absl::StatusOr<v1::Model> FetchModel(Connection& connection, const std::string& argument);

}  // namespace attune
