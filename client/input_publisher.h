// SPDX-License-Identifier: Apache-2.0
// Makes datasets and models out of local files: upload, create, wait for the server's check.
// Without an id, the name is made from the file's name and its content, so publishing the same
// thing twice is harmless.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/model.pb.h"
#include "base/file_system.h"
#include "client/connection.h"
#include "client/transfer.h"
#include "client/uploader.h"

namespace attune {

struct DatasetFile {
  std::string path;    // a folder: of images, which goes up as one tar (image_files.h)
  std::string target;  // empty, or the translation of each line of `path` (aligned_lines.h)
  std::string id;      // empty: from name and content
  v1::Dataset::Format format = v1::Dataset::FORMAT_UNSPECIFIED;
  v1::TextColumns columns;  // empty: the server's defaults
};

template <typename Resource>
struct Published {
  Resource resource;               // may still be CHECKING
  bool already_there = false;      // the same content under the same id
  std::vector<std::string> notes;  // for people
};

class InputPublisher {
 public:
  // Borrows connection and files.
  InputPublisher(Connection& connection, FileSystem& files, TransferObserver observer = nullptr);

  // ALREADY_EXISTS: the id has another content. kUsage: a folder in another format than images, or
  // beside a target.
  absl::StatusOr<Published<v1::Dataset>> PublishDataset(const DatasetFile& file);
  absl::StatusOr<Published<v1::Model>> PublishModel(const std::string& folder, std::string id);

  // Returns once it is READY or INVALID: the caller looks which. NOT_FOUND; kInterrupted.
  absl::StatusOr<v1::Dataset> AwaitDataset(const std::string& name);
  absl::StatusOr<v1::Model> AwaitModel(const std::string& name);

 private:
  absl::StatusOr<LocalFile> Describe(const DatasetFile& file, std::vector<std::string>& notes);
  absl::StatusOr<LocalFile> DescribeImages(const DatasetFile& file,
                                           std::vector<std::string>& notes);
  absl::StatusOr<std::vector<LocalFile>> DescribeModel(const std::string& folder,
                                                       const std::vector<std::string>& paths);

  Connection& connection_;
  FileSystem& files_;
  Uploader uploader_;
};

}  // namespace attune
