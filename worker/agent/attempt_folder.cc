// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/attempt_folder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file_system.h"
#include "base/resource_name.h"

namespace attune {

AttemptFolder AttemptFolder::For(const std::string& work_dir, std::string_view job, int64_t fence) {
  const absl::StatusOr<std::string> id = ParseResourceName("jobs", job);
  // A job's name comes over the network and becomes a folder's name.
  const std::string name = id.ok() ? *id : SlugFrom(job);
  return AttemptFolder(JoinPath(All(work_dir), absl::StrCat(name, "-f", fence)));
}

std::string AttemptFolder::All(const std::string& work_dir) {
  return JoinPath(work_dir, "attempts");
}

std::string AttemptFolder::Features(const std::string& work_dir) {
  return JoinPath(work_dir, "features");
}

std::string AttemptFolder::outgoing_step(int64_t step) const {
  return absl::StrCat(outgoing(), "/", step);
}

bool StaysInFolder(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  for (absl::string_view part : absl::StrSplit(absl::string_view(path.data(), path.size()), '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace attune
