// SPDX-License-Identifier: Apache-2.0
#include "server/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/file_system.h"

namespace attune {
namespace {

constexpr int64_t kMaxBytes = 1 << 20;

absl::Status At(const std::string& path, const YAML::Mark& mark, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ":", mark.line + 1, ": ", std::string(what)));
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<Pairs> ReadPairs(const std::string& path, const std::string& text,
                                const std::set<std::string>& known) {
  const YAML::Node root = YAML::Load(text);
  Pairs pairs;
  if (root.IsNull()) return pairs;
  if (!root.IsMap()) return At(path, root.Mark(), "expected lines like 'ops-port: 7462'");
  std::set<std::string> seen;
  for (const auto& entry : root) {
    std::string key = entry.first.Scalar();
    std::replace(key.begin(), key.end(), '_', '-');
    if (!known.contains(key)) {
      return At(
          path, entry.first.Mark(),
          absl::StrCat("unknown option '", key, "'; there are: ", absl::StrJoin(known, ", ")));
    }
    if (!seen.insert(key).second) {
      return At(path, entry.first.Mark(), absl::StrCat("'", key, "' stands there twice"));
    }
    if (!entry.second.IsScalar()) {
      return At(path, entry.second.Mark(), absl::StrCat("'", key, "' must be a single value"));
    }
    pairs.emplace_back(key, entry.second.Scalar());
  }
  return pairs;
}

}  // namespace

absl::StatusOr<Pairs> ReadConfigFile(const std::string& path, const std::set<std::string>& known) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, PosixFileSystem().ReadFile(path, kMaxBytes));
  try {
    return ReadPairs(path, text, known);
  } catch (const YAML::Exception& e) {
    return At(path, e.mark, absl::StrCat("not YAML: ", e.msg));
  }
}

}  // namespace attune
