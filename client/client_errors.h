// SPDX-License-Identifier: Apache-2.0
// Errors that the client itself finds, as opposed to those the server answers: a status whose
// ErrorDetail has a client reason and, as metadata "remedy", what to do about it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace attune {

enum class ClientReason {
  kUsage,         // a command line that makes no sense
  kAuth,          // no usable token
  kUnreachable,   // no answer from the server
  kLocalInput,    // a file or spec of the user that was read and found wrong
  kOutputExists,  // would overwrite something
  kOutput,        // cannot write a result
  kWaitedTooLong,
  kInterrupted,
  kServerFault,  // the server sent something that cannot be
};

absl::Status ClientError(ClientReason reason, std::string_view what, std::string_view remedy);

// A file of the user that could not be read: kLocalInput, naming the path.
absl::Status LocalFileError(const absl::Status& cause, std::string_view path);

// "CLIENT_USAGE"; what ErrorDetail.reason holds.
std::string ReasonName(ClientReason reason);

}  // namespace attune
