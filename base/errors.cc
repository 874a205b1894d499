// SPDX-License-Identifier: Apache-2.0
#include "base/errors.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::json;

constexpr char kPayloadUrl[] = "type.attune/ErrorDetail";

std::string StringAt(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::StatusCode CodeOfErrno(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message,
                       std::map<std::string, std::string> metadata) {
  absl::Status status(code, {message.data(), message.size()});
  SetErrorDetail(status, {std::string(reason), std::move(metadata), {}, 0});
  return status;
}

absl::Status InvalidFields(std::vector<FieldViolation> violations) {
  std::string message;
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&message, message.empty() ? "" : "; ", violation.field, ": ",
                    violation.description);
  }
  absl::Status status = absl::InvalidArgumentError(message);
  SetErrorDetail(status, {"INVALID_FIELD", {}, std::move(violations), 0});
  return status;
}

ErrorDetail GetErrorDetail(const absl::Status& status) {
  ErrorDetail detail;
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload) return detail;
  const Json json = Json::parse(std::string(*payload), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return detail;
  detail.reason = StringAt(json, "reason");
  if (auto metadata = json.find("metadata"); metadata != json.end()) {
    for (const auto& [key, value] : metadata->items()) {
      if (value.is_string()) detail.metadata[key] = value.get<std::string>();
    }
  }
  if (auto violations = json.find("violations"); violations != json.end()) {
    for (const Json& violation : *violations) {
      detail.violations.push_back(
          {StringAt(violation, "field"), StringAt(violation, "description")});
    }
  }
  if (auto retry = json.find("retry_after_seconds"); retry != json.end() && retry->is_number()) {
    detail.retry_after_seconds = retry->get<double>();
  }
  return detail;
}

void SetErrorDetail(absl::Status& status, const ErrorDetail& detail) {
  Json json = {{"reason", detail.reason}};
  if (!detail.metadata.empty()) json["metadata"] = detail.metadata;
  for (const FieldViolation& violation : detail.violations) {
    json["violations"].push_back(
        {{"field", violation.field}, {"description", violation.description}});
  }
  if (detail.retry_after_seconds > 0) json["retry_after_seconds"] = detail.retry_after_seconds;
  // A field name or value may hold bytes of a user's input: invalid UTF-8 is replaced, not thrown.
  status.SetPayload(kPayloadUrl, absl::Cord(json.dump(-1, ' ', /*ensure_ascii=*/false,
                                                      Json::error_handler_t::replace)));
}

absl::Status ErrnoStatus(int error, std::string_view what) {
  const std::string text = std::generic_category().message(error);
  return absl::Status(CodeOfErrno(error), absl::StrCat(std::string(what), ": ", text));
}

}  // namespace attune
