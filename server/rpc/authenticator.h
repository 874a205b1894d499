// SPDX-License-Identifier: Apache-2.0
// Who may call what. Bearer tokens in the metadata key "authorization"; one function, called by
// every handler before it looks at the request. Tokens are compared in constant time, as digests.
// Immutable after construction, so thread-safe.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/status.h"

namespace attune {

enum class Access {
  kClient,  // jobs, datasets, models, workers to look at: role admin
  kBlobs,   // admin or worker
  kWorker,  // sessions and reports: role worker
  kAdmin,   // the server itself: role admin
};

class Authenticator {
 public:
  Authenticator(std::string_view admin_token, std::string_view worker_token);

  // UNAUTHENTICATED, with the same text for every cause; PERMISSION_DENIED/ROLE_FORBIDDEN.
  absl::Status Authorise(const grpc::CallbackServerContext& context, Access access) const;

 private:
  std::string admin_digest_, worker_digest_;
};

}  // namespace attune
