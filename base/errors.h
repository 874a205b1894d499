// SPDX-License-Identifier: Apache-2.0
// absl::Status with what google.rpc.ErrorInfo and BadRequest carry. The reason is a name of
// attune.v1.ErrorReason as a string, so that processes without protobuf can use it;
// base/grpc_status turns it into google.rpc details and back.
//
// Text: what is wrong and where, why, what to do. Never a server path, SQL, another tenant's id.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace attune {

struct FieldViolation {
  std::string field;        // dotted path: "job.spec.fine_tune.hyperparameters.learning_rate"
  std::string description;  // "must be > 0 and at most 1, got nan"
};

struct ErrorDetail {
  std::string reason;                           // "INVALID_FIELD", "STALE_ATTEMPT", …
  std::map<std::string, std::string> metadata;  // small facts a program may want: next_index, …
  std::vector<FieldViolation> violations;
  double retry_after_seconds = 0;  // > 0: RetryInfo
};

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message,
                       std::map<std::string, std::string> metadata = {});

// INVALID_ARGUMENT/INVALID_FIELD whose message lists every violation.
absl::Status InvalidFields(std::vector<FieldViolation> violations);

// {} when the status carries none.
ErrorDetail GetErrorDetail(const absl::Status& status);
void SetErrorDetail(absl::Status& status, const ErrorDetail& detail);
inline std::string ErrorReasonOf(const absl::Status& status) {
  return GetErrorDetail(status).reason;
}

// errno as a status: ENOSPC and EDQUOT are RESOURCE_EXHAUSTED, ENOENT NOT_FOUND, EEXIST
// ALREADY_EXISTS, EACCES PERMISSION_DENIED, others INTERNAL. "open: No space left on device".
absl::Status ErrnoStatus(int error, std::string_view what);

}  // namespace attune

// The two macros of this tree. `auto`-declaring form: ATTUNE_ASSIGN_OR_RETURN(auto x, F());
#define ATTUNE_RETURN_IF_ERROR(expr)                                    \
  do {                                                                  \
    if (::absl::Status _status = (expr); !_status.ok()) return _status; \
  } while (false)
#define ATTUNE_CONCAT_(a, b) a##b
#define ATTUNE_CONCAT(a, b) ATTUNE_CONCAT_(a, b)
#define ATTUNE_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return tmp.status();            \
  lhs = *std::move(tmp)
#define ATTUNE_ASSIGN_OR_RETURN(lhs, expr) \
  ATTUNE_ASSIGN_OR_RETURN_(ATTUNE_CONCAT(_statusor_, __LINE__), lhs, expr)
