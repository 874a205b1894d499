// SPDX-License-Identifier: Apache-2.0
// Fetches a model's files. They gather in FOLDER.part, each hashed before it gets its name, and
// FOLDER appears only when all are there; a download that was cut goes on where it stopped.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "attune/v1/file.pb.h"
#include "base/file_system.h"
#include "client/connection.h"
#include "client/transfer.h"

namespace attune {

class Downloader {
 public:
  // Borrows connection and files.
  Downloader(Connection& connection, FileSystem& files, TransferObserver observer = nullptr);

  // kOutputExists when `folder` exists, unless `replace`: then files of the same name are replaced
  // and others are left alone. DATA_LOSS: the bytes do not have their digest; nothing is kept.
  absl::Status Download(const std::vector<v1::FileRef>& wanted, const std::string& folder,
                        bool replace);

 private:
  class PartFile;

  absl::Status FetchFile(const v1::FileRef& ref, const std::string& staging);
  absl::Status FetchPart(const v1::FileRef& ref, const std::string& part, bool& resumed);
  // From where `file` ends; OK once it has all bytes, or too many.
  absl::Status ReadOnce(const v1::FileRef& ref, PartFile& file);
  absl::Status Publish(const std::vector<v1::FileRef>& wanted, const std::string& staging,
                       const std::string& folder);

  Connection& connection_;
  FileSystem& files_;
  TransferObserver observer_;
};

}  // namespace attune
