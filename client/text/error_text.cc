// SPDX-License-Identifier: Apache-2.0
#include "client/text/error_text.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "client/text/words.h"

namespace attune {
namespace {

// Where the reason says more than the code.
const std::map<std::string, int>& ExitCodesByReason() {
  static const auto* const codes = new std::map<std::string, int>{
      {ReasonName(ClientReason::kUsage), kExitUsage},
      {ReasonName(ClientReason::kOutputExists), kExitFailure},
      {ReasonName(ClientReason::kWaitedTooLong), kExitWaitedTooLong},
      {ReasonName(ClientReason::kInterrupted), kExitDetached},
      {"INPUT_NOT_READY", kExitInputRefused},
      {"INVALID_DATASET", kExitInputRefused},
      {"INVALID_MODEL", kExitInputRefused},
  };
  return *codes;
}

std::string RemedyOf(const absl::Status& status, const ErrorDetail& detail) {
  if (const auto remedy = detail.metadata.find("remedy"); remedy != detail.metadata.end()) {
    return remedy->second;
  }
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
      return "name the server's token with --token-file or ATTUNE_TOKEN; on its machine it is "
             "admin.token in the data folder (ATTUNE_DATA)";
    case absl::StatusCode::kUnavailable:
      return "the server is starting or stopping; try again";
    case absl::StatusCode::kInternal:
      return "look at the server's log, and report it as a fault of attune";
    default:
      return "";
  }
}

std::string RawStatus(const absl::Status& status, const ErrorDetail& detail) {
  std::string text =
      absl::StrCat("  raw: ", absl::StatusCodeToString(status.code()), " reason=", detail.reason);
  for (const auto& [key, value] : detail.metadata) {
    absl::StrAppend(&text, " ", Printable(key), "=", Printable(value));
  }
  return text + "\n";
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const auto& by_reason = ExitCodesByReason();
  const auto found = by_reason.find(ErrorReasonOf(status));
  if (found != by_reason.end()) return found->second;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
      return kExitInputRefused;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitAuth;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    default:
      return kExitFailure;
  }
}

int ExitCodeOf(v1::Job::State state) {
  switch (state) {
    case v1::Job::SUCCEEDED:
      return kExitOk;
    case v1::Job::FAILED:
      return kExitJobFailed;
    case v1::Job::CANCELLED:
      return kExitJobCancelled;
    default:
      return kExitFailure;
  }
}

std::string ErrorText(std::string_view command, const absl::Status& status, bool debug) {
  const ErrorDetail detail = GetErrorDetail(status);
  const absl::string_view message = status.message();
  std::string text = absl::StrCat("error: ", std::string(command), ": ");
  if (detail.violations.empty()) {
    text += Printable({message.data(), message.size()}, /*multiline=*/true) + "\n";
  } else {
    text += "the request was refused\n";
    for (const FieldViolation& violation : detail.violations) {
      absl::StrAppend(&text, "  ", Printable(violation.field), ": ",
                      Printable(violation.description), "\n");
    }
  }
  if (const std::string remedy = RemedyOf(status, detail); !remedy.empty()) {
    absl::StrAppend(&text, "  try: ", Printable(remedy), "\n");
  }
  if (debug) text += RawStatus(status, detail);
  return text;
}

}  // namespace attune
