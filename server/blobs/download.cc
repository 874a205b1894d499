// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/download.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {
namespace {

class FileDownload final : public BlobStore::Download {
 public:
  FileDownload(const BlobStore& blobs, std::string sha256, std::unique_ptr<File> file,
               int64_t offset)
      : blobs_(blobs), sha256_(std::move(sha256)), file_(std::move(file)), offset_(offset) {
    if (offset == 0) hash_.emplace();
  }

  absl::Status Read(size_t most, std::string& data) override {
    data.resize(most);
    ATTUNE_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset_, data.data(), most));
    data.resize(got);
    offset_ += static_cast<int64_t>(got);
    if (got > 0) {
      if (hash_) hash_->Update(data);
      return absl::OkStatus();
    }
    if (!hash_ || hash_->HexDigest() == sha256_) {
      hash_.reset();
      return absl::OkStatus();
    }
    hash_.reset();
    blobs_.SetAside(sha256_);
    return MakeError(absl::StatusCode::kDataLoss, "BLOB_MISMATCH",
                     absl::StrCat("blob ", sha256_,
                                  " was changed on the server's disk; it was set "
                                  "aside and counts as missing: upload it again"));
  }

 private:
  const BlobStore& blobs_;
  const std::string sha256_;
  const std::unique_ptr<File> file_;
  int64_t offset_;
  std::optional<Sha256> hash_;  // of all bytes, where this download reads all of them
};

}  // namespace

std::unique_ptr<BlobStore::Download> MakeDownload(const BlobStore& blobs, std::string sha256,
                                                  std::unique_ptr<File> file, int64_t offset) {
  return std::make_unique<FileDownload>(blobs, std::move(sha256), std::move(file), offset);
}

}  // namespace attune
