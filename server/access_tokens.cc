// SPDX-License-Identifier: Apache-2.0
#include "server/access_tokens.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kShortestToken = 16;

absl::StatusOr<std::string> LoadOrMake(FileSystem& files, const std::string& path, Rng& rng) {
  if (files.Exists(path)) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string text, files.ReadFile(path, 4096));
    std::string token(absl::StripAsciiWhitespace(text));
    if (token.size() < kShortestToken) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " holds no token (at least ", kShortestToken,
                       " characters); remove the file and a new one is made"));
    }
    return token;
  }
  std::string token = "att_";
  for (int i = 0; i < 4; ++i) absl::StrAppend(&token, absl::Hex(rng.Next(), absl::kZeroPad16));
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(path, token + "\n", 0600));
  return token;
}

}  // namespace

absl::StatusOr<AccessTokens> LoadOrMakeTokens(FileSystem& files, const std::string& data_dir,
                                              Rng& rng) {
  AccessTokens tokens;
  ATTUNE_ASSIGN_OR_RETURN(tokens.admin, LoadOrMake(files, JoinPath(data_dir, "admin.token"), rng));
  ATTUNE_ASSIGN_OR_RETURN(tokens.worker,
                          LoadOrMake(files, JoinPath(data_dir, "worker.token"), rng));
  return tokens;
}

}  // namespace attune
