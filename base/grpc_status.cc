// SPDX-License-Identifier: Apache-2.0
#include "base/grpc_status.h"

#include <string>

#include "base/errors.h"
#include "google/protobuf/util/time_util.h"
#include "google/rpc/error_details.pb.h"

namespace attune {
namespace {

using google::protobuf::util::TimeUtil;

// A reason for statuses that were made without one: every error has an ErrorInfo.
std::string DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_FIELD";
    case absl::StatusCode::kNotFound:
      return "RESOURCE_NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "RESOURCE_EXISTS";
    case absl::StatusCode::kFailedPrecondition:
      return "WRONG_STATE";
    case absl::StatusCode::kResourceExhausted:
      return "OUT_OF_SPACE";
    case absl::StatusCode::kUnavailable:
      return "DRAINING";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    case absl::StatusCode::kPermissionDenied:
      return "ROLE_FORBIDDEN";
    case absl::StatusCode::kDataLoss:
      return "BLOB_MISMATCH";
    default:
      return "INTERNAL_FAULT";
  }
}

void PackDetails(const ErrorDetail& detail, absl::StatusCode code, google::rpc::Status& out) {
  google::rpc::ErrorInfo info;
  info.set_reason(detail.reason.empty() ? DefaultReason(code) : detail.reason);
  info.set_domain("attune");
  for (const auto& [key, value] : detail.metadata) (*info.mutable_metadata())[key] = value;
  out.add_details()->PackFrom(info);
  if (!detail.violations.empty()) {
    google::rpc::BadRequest bad;
    for (const FieldViolation& violation : detail.violations) {
      auto* field = bad.add_field_violations();
      field->set_field(violation.field);
      field->set_description(violation.description);
    }
    out.add_details()->PackFrom(bad);
  }
  if (detail.retry_after_seconds > 0) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() =
        TimeUtil::MillisecondsToDuration(static_cast<int64_t>(detail.retry_after_seconds * 1000));
    out.add_details()->PackFrom(retry);
  }
}

ErrorDetail UnpackDetails(const google::rpc::Status& status) {
  ErrorDetail detail;
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      detail.reason = info.reason();
      detail.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (any.UnpackTo(&bad)) {
      for (const auto& field : bad.field_violations()) {
        detail.violations.push_back({field.field(), field.description()});
      }
    } else if (any.UnpackTo(&retry)) {
      detail.retry_after_seconds =
          static_cast<double>(TimeUtil::DurationToMilliseconds(retry.retry_delay())) / 1000;
    }
  }
  return detail;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // INTERNAL texts may name paths or SQL: they go to the log, not to the caller.
  const std::string message = status.code() == absl::StatusCode::kInternal
                                  ? "internal fault; the server's log has the details"
                                  : std::string(status.message());
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  PackDetails(GetErrorDetail(status), status.code(), details);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      details.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    SetErrorDetail(result, UnpackDetails(details));
  }
  return result;
}

}  // namespace attune
