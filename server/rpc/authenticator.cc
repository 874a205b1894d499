// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/authenticator.h"

#include "absl/strings/strip.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kMaxTokenBytes = 4096;

std::string BearerDigest(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto it = metadata.find("authorization");
  if (it == metadata.end() || it->second.size() > kMaxTokenBytes) return "";
  absl::string_view value(it->second.data(), it->second.size());
  if (!absl::ConsumePrefix(&value, "Bearer ") || value.empty()) return "";
  return Sha256::Hex(std::string_view(value.data(), value.size()));
}

bool Allows(Access access, bool admin, bool worker) {
  switch (access) {
    case Access::kClient:
    case Access::kAdmin:
      return admin;
    case Access::kBlobs:
      return admin || worker;
    case Access::kWorker:
      return worker;
  }
  return false;
}

}  // namespace

Authenticator::Authenticator(std::string_view admin_token, std::string_view worker_token)
    : admin_digest_(Sha256::Hex(admin_token)), worker_digest_(Sha256::Hex(worker_token)) {}

absl::Status Authenticator::Authorise(const grpc::CallbackServerContext& context,
                                      Access access) const {
  const std::string digest = BearerDigest(context);
  const bool admin = ConstantTimeEquals(digest, admin_digest_);
  const bool worker = ConstantTimeEquals(digest, worker_digest_);
  if (!admin && !worker) {
    return MakeError(absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED",
                     "no valid bearer token in the metadata; the server's data folder holds "
                     "admin.token, which the CLI on the same machine finds by itself (elsewhere: "
                     "ATTUNE_TOKEN or --token-file)");
  }
  if (!Allows(access, admin, worker)) {
    return MakeError(absl::StatusCode::kPermissionDenied, "ROLE_FORBIDDEN",
                     admin ? "this call is for workers; use a worker token"
                           : "a worker token cannot make this call; use the admin token");
  }
  return absl::OkStatus();
}

}  // namespace attune
