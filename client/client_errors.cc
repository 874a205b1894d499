// SPDX-License-Identifier: Apache-2.0
#include "client/client_errors.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

struct ReasonRow {
  const char* name;
  absl::StatusCode code;
};

ReasonRow RowOf(ClientReason reason) {
  switch (reason) {
    case ClientReason::kUsage:
      return {"CLIENT_USAGE", absl::StatusCode::kInvalidArgument};
    case ClientReason::kAuth:
      return {"CLIENT_AUTH", absl::StatusCode::kPermissionDenied};
    case ClientReason::kUnreachable:
      return {"CLIENT_UNREACHABLE", absl::StatusCode::kUnavailable};
    case ClientReason::kLocalInput:
      return {"CLIENT_LOCAL_INPUT", absl::StatusCode::kInvalidArgument};
    case ClientReason::kOutputExists:
      return {"CLIENT_OUTPUT_EXISTS", absl::StatusCode::kAlreadyExists};
    case ClientReason::kOutput:
      return {"CLIENT_OUTPUT", absl::StatusCode::kInternal};
    case ClientReason::kWaitedTooLong:
      return {"CLIENT_WAITED_TOO_LONG", absl::StatusCode::kDeadlineExceeded};
    case ClientReason::kInterrupted:
      return {"CLIENT_INTERRUPTED", absl::StatusCode::kCancelled};
    case ClientReason::kServerFault:
      return {"CLIENT_SERVER_FAULT", absl::StatusCode::kInternal};
  }
  return {"CLIENT_OTHER", absl::StatusCode::kInternal};
}

}  // namespace

absl::Status ClientError(ClientReason reason, std::string_view what, std::string_view remedy) {
  const ReasonRow row = RowOf(reason);
  return MakeError(row.code, row.name, what, {{"remedy", std::string(remedy)}});
}

absl::Status LocalFileError(const absl::Status& cause, std::string_view path) {
  const std::string why(cause.message());
  return ClientError(ClientReason::kLocalInput,
                     absl::StrCat("cannot read ", std::string(path), ": ", why),
                     "check the path and that you may read it");
}

std::string ReasonName(ClientReason reason) { return RowOf(reason).name; }

}  // namespace attune
