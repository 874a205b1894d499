// SPDX-License-Identifier: Apache-2.0
// Where the server is and what the client shows it. A token comes from a file or the environment,
// never from a flag: command lines are world-readable.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace attune {

// The value of an environment variable; "" when it is not set.
using Environment = std::function<std::string(const char* name)>;

struct EndpointOptions {
  std::string server;      // --server; empty: not given
  std::string token_file;  // --token-file
};

struct Endpoint {
  std::string address;  // "127.0.0.1:7460"
  std::string token;    // empty: none was found
  std::string
      token_from;  // "ATTUNE_TOKEN" or a path, for messages; where it was looked for if none
};

// $ATTUNE_DATA, $XDG_DATA_HOME/attune or ~/.local/share/attune.
std::string DataFolder(const Environment& environment);

// Address: --server, ATTUNE_SERVER, DATA/server.address, 127.0.0.1:7460.
// Token: --token-file, ATTUNE_TOKEN, DATA/admin.token (only for a server on this machine).
// PERMISSION_DENIED: the token file is readable by others. INVALID_ARGUMENT: an address that is not
// loopback (the connection is not encrypted), a token file that cannot be read or holds no token.
absl::StatusOr<Endpoint> ResolveEndpoint(const EndpointOptions& options,
                                         const Environment& environment, FileSystem& files);

}  // namespace attune
