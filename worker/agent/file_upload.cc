// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/file_upload.h"

#include <utility>

#include "base/errors.h"
#include "base/file_system.h"
#include "base/logging.h"

namespace attune {

FileUpload::FileUpload(Executor& executor, Transport& transport, Rng& rng, std::string folder,
                       const std::vector<FileEntry>& files, std::function<void(absl::Status)> done)
    : lane_(executor),
      transport_(transport),
      folder_(std::move(folder)),
      done_(std::move(done)),
      backoff_({}, rng) {
  for (const FileEntry& entry : files) {
    v1::FileRef& file = files_.emplace_back();
    file.set_path(entry.path);
    file.set_size_bytes(entry.size_bytes);
    file.set_sha256(entry.sha256);
  }
  lane_.Defer([this] { AskMissing(); });
}

void FileUpload::AskMissing() {
  if (files_.empty()) return done_(absl::OkStatus());
  transport_.FindMissing(
      files_,
      lane_.Bind([this](const absl::StatusOr<std::vector<std::string>>& m) { OnMissing(m); }));
}

void FileUpload::OnMissing(const absl::StatusOr<std::vector<std::string>>& missing) {
  if (!missing.ok()) return FailOrRetry(missing.status());
  std::set<std::string> wanted(missing->begin(), missing->end());
  to_send_.clear();
  for (const v1::FileRef& file : files_) {
    if (wanted.erase(file.sha256()) > 0) to_send_.push_back(file);
  }
  SendNext();
}

void FileUpload::SendNext() {
  if (to_send_.empty()) return done_(absl::OkStatus());
  const v1::FileRef& file = to_send_.back();
  transport_.UploadBlob(JoinPath(folder_, file.path()), file,
                        lane_.Bind([this](const absl::Status& status) { OnSent(status); }));
}

void FileUpload::OnSent(const absl::Status& status) {
  if (!status.ok()) return FailOrRetry(status);
  backoff_.Reset();
  to_send_.pop_back();
  SendNext();
}

void FileUpload::FailOrRetry(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
      return done_(status);
    default:
      LogWarning("an upload was cut; going on later", {{"status", status.ToString()}});
      lane_.After(backoff_.Next(), [this] { AskMissing(); });
  }
}

}  // namespace attune
