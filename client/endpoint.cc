// SPDX-License-Identifier: Apache-2.0
#include "client/endpoint.h"

#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/loopback.h"
#include "client/client_errors.h"

namespace attune {
namespace {

constexpr char kDefaultAddress[] = "127.0.0.1:7460";
constexpr int64_t kMaxTokenFileBytes = 4096;

std::string Stripped(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::Status CheckToken(const std::string& token, const std::string& from) {
  if (token.empty()) {
    return ClientError(ClientReason::kUsage, absl::StrCat(from, " holds no token"),
                       "write the token into it as one line");
  }
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return ClientError(ClientReason::kUsage,
                       absl::StrCat(from, " holds more than one printable word, so not a token"),
                       "write the token into it as one line");
  }
  return absl::OkStatus();
}

// Refuses a file that others may read.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path, FileSystem& files) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return ClientError(ClientReason::kAuth, absl::StrCat("others may read the token in ", path),
                       absl::StrCat("run: chmod 600 ", path));
  }
  auto text = files.ReadFile(path, kMaxTokenFileBytes);
  if (!text.ok()) return LocalFileError(text.status(), path);
  std::string token = Stripped(*text);
  ATTUNE_RETURN_IF_ERROR(CheckToken(token, path));
  return token;
}

std::string ResolveAddress(const EndpointOptions& options, const Environment& environment,
                           FileSystem& files) {
  if (!options.server.empty()) return options.server;
  if (std::string address = environment("ATTUNE_SERVER"); !address.empty()) return address;
  const auto stored = files.ReadFile(JoinPath(DataFolder(environment), "server.address"), 4096);
  if (stored.ok() && !Stripped(*stored).empty()) return Stripped(*stored);
  return kDefaultAddress;
}

absl::Status FillToken(const EndpointOptions& options, const Environment& environment,
                       FileSystem& files, Endpoint& endpoint) {
  if (!options.token_file.empty()) {
    endpoint.token_from = options.token_file;
    ATTUNE_ASSIGN_OR_RETURN(endpoint.token, ReadTokenFile(options.token_file, files));
    return absl::OkStatus();
  }
  if (std::string token = Stripped(environment("ATTUNE_TOKEN")); !token.empty()) {
    endpoint.token_from = "ATTUNE_TOKEN";
    endpoint.token = std::move(token);
    return CheckToken(endpoint.token, endpoint.token_from);
  }
  endpoint.token_from = JoinPath(DataFolder(environment), "admin.token");
  if (!files.Exists(endpoint.token_from)) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(endpoint.token, ReadTokenFile(endpoint.token_from, files));
  return absl::OkStatus();
}

}  // namespace

std::string DataFolder(const Environment& environment) {
  if (std::string folder = environment("ATTUNE_DATA"); !folder.empty()) return folder;
  if (std::string folder = environment("XDG_DATA_HOME"); !folder.empty()) {
    return JoinPath(folder, "attune");
  }
  return JoinPath(environment("HOME"), ".local/share/attune");
}

absl::StatusOr<Endpoint> ResolveEndpoint(const EndpointOptions& options,
                                         const Environment& environment, FileSystem& files) {
  Endpoint endpoint;
  endpoint.address = ResolveAddress(options, environment, files);
  if (!IsLoopbackAddress(endpoint.address)) {
    return ClientError(
        ClientReason::kUsage,
        absl::StrCat(
            "the server address '", endpoint.address,
            "' is not on this machine, and the token would cross the network in the clear"),
        "use a tunnel: ssh -L 7460:127.0.0.1:7460 HOST, then --server 127.0.0.1:7460");
  }
  ATTUNE_RETURN_IF_ERROR(FillToken(options, environment, files, endpoint));
  return endpoint;
}

}  // namespace attune
