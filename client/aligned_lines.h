// SPDX-License-Identifier: Apache-2.0
// Two texts, line N of one the translation of line N of the other, as one JSONL that is nowhere
// stored: {"source": …, "target": …} a line, put together where it is read. Lines that are blank on
// both sides stay blank, so line numbers are those of the files. Memory is flat: a line of each, at
// most 1 MiB. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace attune {

class AlignedLines final : public File {
 public:
  // kLocalInput: a file cannot be read.
  static absl::StatusOr<std::unique_ptr<AlignedLines>> Make(FileSystem& files,
                                                            const std::string& source,
                                                            const std::string& target);

  // Quick where `offset` is where the last read ended. kLocalInput: one file has more lines than
  // the other (naming both counts and the first odd line), or a line is too long or not UTF-8.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) override;
  absl::Status Append(std::string_view data) override;  // UNIMPLEMENTED
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Size() override;  // UNIMPLEMENTED: known when it was read

 private:
  // One of the files, read from its beginning on.
  struct Side {
    std::string path;
    std::unique_ptr<File> file;
    int64_t offset = 0;  // in the file, up to which it was read
    std::string chunk;   // read last
    size_t taken = 0;    // of the chunk
    std::string line;    // the last one taken
    int64_t lines = 0;   // taken
    bool ended = false;  // nothing is left to be read
  };

  AlignedLines() = default;
  void Rewind();
  // False: there is no further line.
  static absl::StatusOr<bool> Next(Side& side);
  static absl::Status ReadMore(Side& side);
  // Puts the next row into row_, which stays empty at the end.
  absl::Status MakeRow();
  absl::Status Unequal();

  std::array<Side, 2> sides_;  // source, target
  std::string row_;            // of the JSONL, with its "\n"
  int64_t row_begin_ = 0;      // its offset
  int64_t first_odd_ = 0;      // line that is blank on one side only; 0: none yet
};

}  // namespace attune
