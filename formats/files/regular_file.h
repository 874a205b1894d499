// SPDX-License-Identifier: Apache-2.0
// Opening what a user handed us: only regular files, no symbolic links, no FIFO to hang on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace attune {

// A part of a file.
struct FileRange {
  int64_t offset = 0, size_bytes = 0;
};

// An open file; reading may be done from several threads at once.
class RegularFile {
 public:
  // A path that the operator or the server chose; its last component is no symbolic link.
  static absl::StatusOr<RegularFile> Open(const std::string& path);
  // `name` is one component (no '/', no "..", at most 255 bytes) in `dir`.
  static absl::StatusOr<RegularFile> OpenIn(const std::string& dir, std::string_view name);

  ~RegularFile();
  RegularFile(RegularFile&& other) noexcept : fd_(other.fd_), size_(other.size_) { other.fd_ = -1; }
  RegularFile& operator=(RegularFile&& other) noexcept;

  int64_t size() const { return size_; }  // when it was opened

  // Fills `out`; DATA_LOSS when the file ends before.
  absl::Status ReadExactly(int64_t offset, absl::Span<char> out) const;
  // As much as there is, at most out.size(); 0: the end.
  absl::StatusOr<size_t> ReadSome(int64_t offset, absl::Span<char> out) const;
  // The whole file; INVALID_ARGUMENT when it is larger than `limit` bytes.
  absl::StatusOr<std::string> ReadAll(int64_t limit) const;

 private:
  RegularFile(int fd, int64_t size) : fd_(fd), size_(size) {}
  int fd_;
  int64_t size_;
};

struct FolderEntry {
  std::string name;
  enum class Kind { kFile, kFolder, kOther /* link, pipe, socket, device */ } kind = Kind::kOther;
};
// What is in `dir`, sorted by name, no link followed; RESOURCE_EXHAUSTED above `limit` entries.
absl::StatusOr<std::vector<FolderEntry>> ListFolder(const std::string& dir, size_t limit);

}  // namespace attune
