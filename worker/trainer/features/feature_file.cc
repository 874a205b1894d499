// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/feature_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

constexpr size_t kHeaderBytes = 4096, kDigestBytes = 64;

std::string Header(const std::string& key, FeatureShape shape) {
  std::string header = nlohmann::ordered_json{
      {"format", "attune features 1"},
      {"key", key},
      {"rows", shape.rows},
      {"width",
       shape.width}}.dump();
  header.resize(kHeaderBytes - 1, ' ');
  return header + "\n";
}

absl::Status WriteAll(File& file, const std::string& key, FeatureShape shape, RowSource source) {
  Sha256 digest;
  const auto append = [&](std::string_view bytes) {
    digest.Update(bytes);
    return file.Append(bytes);
  };
  ATTUNE_RETURN_IF_ERROR(append(Header(key, shape)));
  int64_t rows = 0;
  ATTUNE_RETURN_IF_ERROR(source([&](const float* values, int64_t count) {
    rows += count;
    return append({reinterpret_cast<const char*>(values),
                   static_cast<size_t>(FeatureShape{count, shape.width}.bytes())});
  }));
  if (rows != shape.rows) {
    return absl::InternalError(absl::StrCat("features: ", rows, " rows, not ", shape.rows));
  }
  ATTUNE_RETURN_IF_ERROR(file.Append(digest.HexDigest()));
  return file.Sync();
}

absl::Status Damaged(absl::string_view what) { return absl::DataLossError(what); }

absl::Status Verify(std::string_view bytes, const std::string& key, FeatureShape shape) {
  if (bytes.substr(0, kHeaderBytes) != Header(key, shape)) return Damaged("another header");
  Sha256 digest;
  digest.Update(bytes.substr(0, bytes.size() - kDigestBytes));
  if (digest.HexDigest() != bytes.substr(bytes.size() - kDigestBytes)) {
    return Damaged("its hash differs");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFeatureFile(FileSystem& files, const std::string& path, const std::string& key,
                              FeatureShape shape, RowSource source) {
  // Whoever else writes it at the same time writes the same bytes under a name of its own.
  const std::string temporary = absl::StrCat(path, ".tmp-", getpid());
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          files.Open(temporary, FileSystem::Mode::kTruncate));
  absl::Status status = WriteAll(*file, key, shape, source);
  if (status.ok()) status = files.Rename(temporary, path);
  if (status.ok()) return files.SyncDir(path.substr(0, path.rfind('/')));
  files.Remove(temporary).IgnoreError();
  return status;
}

absl::StatusOr<std::shared_ptr<const FeatureMatrix>> OpenFeatureFile(const std::string& path,
                                                                     const std::string& key,
                                                                     FeatureShape shape) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return ErrnoStatus(errno, "open");
  const absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  const size_t bytes = kHeaderBytes + static_cast<size_t>(shape.bytes()) + kDigestBytes;
  if (!S_ISREG(info.st_mode) || static_cast<size_t>(info.st_size) != bytes) {
    return Damaged(absl::StrCat("it has ", info.st_size, " bytes, not ", bytes));
  }
  void* mapping = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapping == MAP_FAILED) return ErrnoStatus(errno, "mmap");
  auto matrix = std::make_shared<const FeatureMatrix>(shape, mapping, bytes, kHeaderBytes);
  ATTUNE_RETURN_IF_ERROR(Verify({static_cast<const char*>(mapping), bytes}, key, shape));
  return matrix;
}

}  // namespace attune
