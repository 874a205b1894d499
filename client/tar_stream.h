// SPDX-License-Identifier: Apache-2.0
// Files as one tar that is nowhere stored: its bytes are put together where they are read. The same
// names and contents give the same bytes on every machine: ustar (with a pax header where a name is
// too long for it), in the given order, mode 0644, owner, group and time 0. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace attune {

struct TarMember {
  std::string name;  // in the archive
  std::string path;  // of the file
  int64_t size_bytes = 0;
};

class TarStream final : public File {
 public:
  // `files` is borrowed. INVALID_ARGUMENT: a member of 8 GiB or more, which ustar cannot say.
  static absl::StatusOr<std::unique_ptr<TarStream>> Make(FileSystem& files,
                                                         const std::vector<TarMember>& members);

  // kLocalInput: a member is gone, or has another size than was said.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) override;
  absl::Status Append(std::string_view data) override;  // UNIMPLEMENTED
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Size() override { return size_bytes_; }

 private:
  // A run of the archive's bytes: `text`, or the file and zeros up to a full block.
  struct Piece {
    int64_t begin = 0, end = 0;
    std::string text, path;
    int64_t file_bytes = 0;
  };

  explicit TarStream(FileSystem& files) : files_(files) {}
  void Add(const TarMember& member);
  void AddText(std::string text);
  absl::Status ReadPiece(const Piece& piece, int64_t offset, char* buffer, size_t size);
  absl::Status ReadFile(const Piece& piece, int64_t offset, char* buffer, size_t size);

  FileSystem& files_;
  std::vector<Piece> pieces_;  // without gaps
  int64_t size_bytes_ = 0;
};

}  // namespace attune
