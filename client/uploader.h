// SPDX-License-Identifier: Apache-2.0
// Sends files to the server's blob store: only what is missing there, in chunks of 1 MiB, going on
// where an earlier upload (of this or another process) was cut.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/file.pb.h"
#include "base/file_system.h"
#include "client/connection.h"
#include "client/tar_stream.h"
#include "client/transfer.h"

namespace attune {

struct LocalFile {
  std::string path;  // on this machine
  v1::FileRef ref;   // its name, size and digest for the server
  std::function<absl::StatusOr<std::unique_ptr<File>>()> open;  // its bytes, again each time
};

// Reads and hashes `path`. kLocalInput when it cannot be read.
absl::StatusOr<LocalFile> DescribeFile(FileSystem& files, const std::string& path,
                                       const std::string& name);

// The members (of the folder `path`) as one tar. kLocalInput when one cannot be read.
absl::StatusOr<LocalFile> DescribeArchive(FileSystem& files, const std::string& path,
                                          std::vector<TarMember> members, const std::string& name);

// Two texts, line by line each other's translations, as one JSONL (aligned_lines.h). kLocalInput
// when they are not.
absl::StatusOr<LocalFile> DescribeAligned(FileSystem& files, const std::string& source,
                                          const std::string& target, const std::string& name);

class Uploader {
 public:
  // Borrows the connection.
  explicit Uploader(Connection& connection, TransferObserver observer = nullptr);

  // Returns once the server has every byte. kLocalInput: a file changed since it was described.
  absl::Status Upload(const std::vector<LocalFile>& wanted);

 private:
  absl::Status UploadOne(const LocalFile& file);
  absl::Status SendFrom(const LocalFile& file, int64_t offset);
  void Tell(const LocalFile& file, int64_t done);

  Connection& connection_;
  TransferObserver observer_;
};

}  // namespace attune
