// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/feature_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr const char* kSuffix = ".features";

absl::StatusOr<std::shared_ptr<const FeatureMatrix>> InMemory(FeatureShape shape,
                                                              RowSource source) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(shape.rows * shape.width));
  ATTUNE_RETURN_IF_ERROR(source([&](const float* rows, int64_t count) {
    values.insert(values.end(), rows, rows + count * shape.width);
    return absl::OkStatus();
  }));
  return std::make_shared<const FeatureMatrix>(shape, std::move(values));
}

struct KeptFile {
  timespec used = {};
  int64_t bytes = 0;
  std::string path;
  bool operator<(const KeptFile& other) const {
    return std::pair(used.tv_sec, used.tv_nsec) < std::pair(other.used.tv_sec, other.used.tv_nsec);
  }
};

}  // namespace

absl::StatusOr<std::shared_ptr<const FeatureMatrix>> FeatureCache::Get(const std::string& key,
                                                                       FeatureShape shape,
                                                                       RowSource source) {
  if (dir_.empty() || key.empty()) return InMemory(shape, source);
  return GetFile(JoinPath(dir_, key + kSuffix), key, shape, source);
}

absl::StatusOr<std::shared_ptr<const FeatureMatrix>> FeatureCache::GetFile(const std::string& path,
                                                                           const std::string& key,
                                                                           FeatureShape shape,
                                                                           RowSource source) {
  auto kept = OpenFeatureFile(path, key, shape);
  if (kept.ok()) {
    utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // now in use; without it, gone sooner
    return kept;
  }
  if (!absl::IsNotFound(kept.status())) {
    Warn("Kept features of frozen layers are damaged and are computed again", kept.status());
  }
  absl::Status source_status;
  const auto watched = [&](RowSink sink) {
    absl::Status written;
    source_status =
        source([&](const float* rows, int64_t count) { return written = sink(rows, count); });
    if (!written.ok()) source_status = absl::OkStatus();
    return written.ok() ? source_status : written;
  };
  absl::Status status = files_.MakeDirs(dir_);
  if (status.ok()) status = WriteFeatureFile(files_, path, key, shape, watched);
  if (!source_status.ok()) return source_status;
  if (status.ok()) {
    Evict(path);
    kept = OpenFeatureFile(path, key, shape);
    if (kept.ok()) return kept;
    status = kept.status();
  }
  Warn("Features of frozen layers cannot be kept for later jobs", status);
  return InMemory(shape, source);
}

void FeatureCache::Evict(const std::string& newest) {
  const auto names = files_.List(dir_);
  if (!names.ok()) return;
  std::vector<KeptFile> kept;
  int64_t total = 0;
  for (const std::string& name : *names) {
    KeptFile file{.path = JoinPath(dir_, name)};
    struct stat info = {};
    if (lstat(file.path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    file.used = info.st_mtim;
    file.bytes = info.st_size;
    total += file.bytes;
    if (file.path != newest) kept.push_back(std::move(file));
  }
  std::sort(kept.begin(), kept.end());
  for (const KeptFile& file : kept) {
    if (total <= capacity_bytes_) return;
    // Who has it mapped keeps it; a file half written by a process that died goes like the rest.
    if (files_.Remove(file.path).ok()) total -= file.bytes;
  }
}

void FeatureCache::Warn(const char* what, const absl::Status& status) {
  events_.Emit(NoticeFrame{"WARNING", absl::StrCat(what, " (", std::string(status.message()),
                                                   "). Results are the same.")});
}

}  // namespace attune
