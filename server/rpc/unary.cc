// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/unary.h"

#include <exception>

#include "base/logging.h"

namespace attune {

absl::Status RunGuarded(RpcCounters& counters, absl::FunctionRef<absl::Status()> body) {
  absl::Status status;
  try {
    status = body();
  } catch (const std::exception& e) {
    counters.Caught();
    status = absl::InternalError(e.what());
  } catch (...) {
    counters.Caught();
    status = absl::InternalError("an exception of unknown type");
  }
  // The caller of an INTERNAL reply is sent here for the details.
  if (status.code() == absl::StatusCode::kInternal) {
    LogError("a call failed inside", {{"cause", std::string(status.message())}});
  }
  return status;
}

}  // namespace attune
