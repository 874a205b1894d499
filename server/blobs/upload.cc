// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/upload.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "server/store/blobs_table.h"

namespace attune {
namespace {

absl::Status Mismatch(std::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "BLOB_MISMATCH",
                   absl::StrCat(std::string(what), "; nothing was kept: upload it again from 0"));
}

}  // namespace

// What outlives the handle that the caller holds: Finish goes on after that is gone.
class UploadWork {
 public:
  UploadWork(BlobStore& blobs, UploadTarget target, std::unique_ptr<File> file, int64_t committed,
             int64_t overlap)
      : blobs_(blobs),
        target_(std::move(target)),
        file_(std::move(file)),
        committed_(committed),
        overlap_(overlap) {
    if (committed == 0) hash_.emplace();
  }
  ~UploadWork() { blobs_.EndUpload(target_.sha256); }

  int64_t committed_bytes() const { return committed_; }

  absl::Status Append(std::string_view data) {
    if (file_ == nullptr) return Mismatch("the upload failed before");
    const size_t known = std::min(static_cast<size_t>(overlap_), data.size());
    overlap_ -= static_cast<int64_t>(known);
    data.remove_prefix(known);
    if (committed_ + static_cast<int64_t>(data.size()) > target_.size_bytes) {
      Discard();
      return Mismatch(absl::StrCat("more than the declared ", target_.size_bytes, " bytes came"));
    }
    ATTUNE_RETURN_IF_ERROR(blobs_.CheckSpace(static_cast<int64_t>(data.size())));
    if (absl::Status status = file_->Append(data); !status.ok()) return Recover(status);
    if (hash_) hash_->Update(data);
    committed_ += static_cast<int64_t>(data.size());
    return absl::OkStatus();
  }

  // On the disk executor. OK: the bytes are durable under their name, their row is to follow.
  absl::Status MakeDurable() {
    if (file_ == nullptr) return Mismatch("the upload failed before");
    if (absl::Status status = Verify(); !status.ok()) {
      if (absl::IsDataLoss(status)) Discard();
      return status;
    }
    ATTUNE_RETURN_IF_ERROR(file_->Sync());
    file_.reset();
    FileSystem& files = blobs_.files_;
    const std::string path = blobs_.PathOf(target_.sha256);
    const std::string dir = path.substr(0, path.rfind('/'));
    ATTUNE_RETURN_IF_ERROR(files.MakeDirs(dir));
    ATTUNE_RETURN_IF_ERROR(files.Rename(target_.part_path, path));
    ATTUNE_RETURN_IF_ERROR(files.SyncDir(dir));
    return files.SyncDir(blobs_.options_.dir);
  }

  const UploadTarget& target() const { return target_; }
  Store& store() { return blobs_.store_; }
  Executor& disk() { return blobs_.disk_; }

 private:
  absl::Status Verify() {
    if (committed_ != target_.size_bytes) {
      return Mismatch(absl::StrCat("only ", committed_, " of the declared ", target_.size_bytes,
                                   " bytes came"));
    }
    std::string sha256;
    if (hash_) {
      sha256 = hash_->HexDigest();
      hash_.reset();
    } else {
      // Gone on with after a cut: what was there before is hashed with the rest.
      ATTUNE_ASSIGN_OR_RETURN(const FileDigest digest,
                              DigestFile(blobs_.files_, target_.part_path));
      sha256 = digest.sha256;
    }
    if (sha256 == target_.sha256) return absl::OkStatus();
    return Mismatch(
        absl::StrCat("the bytes have SHA-256 ", sha256, ", declared was ", target_.sha256));
  }

  // A part of the data may have been written before the disk was full.
  absl::Status Recover(absl::Status cause) {
    hash_.reset();
    if (const auto size = file_->Size(); size.ok()) committed_ = *size;
    if (!absl::IsResourceExhausted(cause)) return cause;
    return MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_SPACE",
                     "the server's disk is full; free space in its data folder, then go on with "
                     "the upload where GetUpload says");
  }

  void Discard() {
    file_.reset();
    blobs_.files_.Remove(target_.part_path).IgnoreError();
  }

  BlobStore& blobs_;
  const UploadTarget target_;
  std::unique_ptr<File> file_;  // null: discarded, or closed because it is complete
  int64_t committed_;
  int64_t overlap_;
  std::optional<Sha256> hash_;  // of all bytes, as long as this upload wrote all of them
};

namespace {

class UploadHandle final : public BlobStore::Upload {
 public:
  explicit UploadHandle(std::shared_ptr<UploadWork> work) : work_(std::move(work)) {}

  absl::Status Append(std::string_view data) override { return work_->Append(data); }
  int64_t committed_bytes() const override { return work_->committed_bytes(); }

  void Finish(absl::AnyInvocable<void(absl::Status)> done) override {
    Executor& disk = work_->disk();
    disk.Post([work = work_, done = std::move(done)]() mutable {
      if (absl::Status status = work->MakeDurable(); !status.ok()) {
        work.reset();  // before anyone hears of it: the caller may start again at once
        done(std::move(status));
        return;
      }
      WriteRow(std::move(work), std::move(done));
    });
  }

 private:
  static void WriteRow(std::shared_ptr<UploadWork> work,
                       absl::AnyInvocable<void(absl::Status)> done) {
    Store& store = work->store();
    store.Write(
        Lane::kUrgent,
        [target = work->target()](Transaction& transaction) {
          return PutBlob(transaction, target.sha256, target.size_bytes);
        },
        [work, done = std::move(done)](absl::Status status) mutable {
          Executor& disk = work->disk();
          disk.Post([work = std::move(work), done = std::move(done), status]() mutable {
            work.reset();
            done(std::move(status));
          });
        });
  }

  std::shared_ptr<UploadWork> work_;  // shared with Finish, which may outlive the handle
};

}  // namespace

std::unique_ptr<BlobStore::Upload> MakeUpload(BlobStore& blobs, UploadTarget target,
                                              std::unique_ptr<File> file, int64_t committed,
                                              int64_t overlap) {
  return std::make_unique<UploadHandle>(
      std::make_shared<UploadWork>(blobs, std::move(target), std::move(file), committed, overlap));
}

}  // namespace attune
