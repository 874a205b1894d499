// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/blob_store.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

using testing::HasSubstr;

class BlobStoreTest : public testing::Test {
 protected:
  BlobStoreTest() : disk_(&fixture_.loop().NewExecutor("disk")) {
    EXPECT_EQ(fixture_.Open(), absl::OkStatus());
    Restart();
  }

  // A new blob store over what is on the disk.
  void Restart() {
    blobs_.emplace(BlobStore::Options{"/data/blobs", /*reserve_bytes=*/1000}, fixture_.store(),
                   fixture_.files(), *disk_);
    ASSERT_EQ(blobs_->Init(), absl::OkStatus());
  }
  std::unique_ptr<BlobStore::Upload> Start(const std::string& data, int64_t offset = 0) {
    auto upload = blobs_->StartUpload(Sha256::Hex(data), Size(data), offset);
    EXPECT_TRUE(upload.ok()) << upload.status();
    return upload.ok() ? *std::move(upload) : nullptr;
  }
  absl::Status Finish(BlobStore::Upload& upload) {
    absl::Status result = absl::UnknownError("no answer");
    upload.Finish([&](absl::Status status) { result = std::move(status); });
    fixture_.loop().RunUntilIdle();
    return result;
  }
  absl::Status Put(const std::string& data) {
    auto upload = Start(data);
    ATTUNE_RETURN_IF_ERROR(upload->Append(data));
    return Finish(*upload);
  }
  bool Has(const std::string& data) { return *blobs_->Has(Sha256::Hex(data), Size(data)); }
  int64_t Committed(const std::string& data) {
    return blobs_->GetUpload(Sha256::Hex(data), Size(data))->committed_bytes;
  }
  std::string Read(const std::string& sha256) {
    auto download = blobs_->StartDownload(sha256, 0);
    EXPECT_TRUE(download.ok()) << download.status();
    std::string data, chunk;
    do {
      EXPECT_EQ((*download)->Read(4, chunk), absl::OkStatus());
      data += chunk;
    } while (!chunk.empty());
    return data;
  }
  static int64_t Size(const std::string& data) { return static_cast<int64_t>(data.size()); }
  static v1::FileRef Ref(const std::string& path, const std::string& data) {
    v1::FileRef file;
    file.set_path(path);
    file.set_size_bytes(Size(data));
    file.set_sha256(Sha256::Hex(data));
    return file;
  }

  StoreFixture fixture_;
  SimExecutor* disk_;
  std::optional<BlobStore> blobs_;
};

TEST_F(BlobStoreTest, KeepsWhatWasUploaded) {
  EXPECT_FALSE(Has("hello"));
  EXPECT_EQ(Put("hello"), absl::OkStatus());
  EXPECT_TRUE(Has("hello"));
  EXPECT_EQ(Read(Sha256::Hex("hello")), "hello");
  EXPECT_TRUE(blobs_->GetUpload(Sha256::Hex("hello"), 5)->complete);
}

TEST_F(BlobStoreTest, KeepsAnEmptyBlob) {
  EXPECT_EQ(Put(""), absl::OkStatus());
  EXPECT_TRUE(Has(""));
  EXPECT_EQ(Read(Sha256::Hex("")), "");
}

TEST_F(BlobStoreTest, AcknowledgedBlobsSurviveAPowerCut) {
  ASSERT_EQ(Put("hello"), absl::OkStatus());
  ASSERT_EQ(fixture_.CrashAndReopen(), absl::OkStatus());
  Restart();
  EXPECT_TRUE(Has("hello"));
  EXPECT_EQ(Read(Sha256::Hex("hello")), "hello");
}

TEST(BlobCrashSweep, ABlobThatIsKnownIsWhole) {
  const std::string data(5000, 'b');
  int known = 0, unknown = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    StoreFixture fixture(seed);
    SimExecutor& disk = fixture.loop().NewExecutor("disk");
    ASSERT_EQ(fixture.Open(), absl::OkStatus());
    bool acknowledged = false;
    {
      BlobStore blobs({"/data/blobs", 0}, fixture.store(), fixture.files(), disk);
      ASSERT_EQ(blobs.Init(), absl::OkStatus());
      fixture.disk().StopAfter(static_cast<int64_t>(fixture.rng().Below(40)));
      auto upload = blobs.StartUpload(Sha256::Hex(data), 5000, 0);
      if (upload.ok() && (*upload)->Append(data).ok()) {
        (*upload)->Finish([&](absl::Status status) { acknowledged = status.ok(); });
        fixture.loop().RunUntilIdle();
      }
    }
    ASSERT_EQ(fixture.CrashAndReopen(), absl::OkStatus());
    BlobStore blobs({"/data/blobs", 0}, fixture.store(), fixture.files(), disk);
    const bool has = *blobs.Has(Sha256::Hex(data), 5000);
    EXPECT_TRUE(has || !acknowledged);
    if (has) {
      EXPECT_EQ(DigestFile(fixture.files(), blobs.PathOf(Sha256::Hex(data)))->sha256,
                Sha256::Hex(data));
    }
    (has ? known : unknown) += 1;
  }
  EXPECT_GT(known, 20);
  EXPECT_GT(unknown, 20);
}

TEST_F(BlobStoreTest, GoesOnAfterACut) {
  Start("hello world")->Append("hello").IgnoreError();
  Restart();
  EXPECT_EQ(Committed("hello world"), 5);
  auto upload = Start("hello world", 5);
  EXPECT_EQ(upload->committed_bytes(), 5);
  ASSERT_EQ(upload->Append(" world"), absl::OkStatus());
  EXPECT_EQ(Finish(*upload), absl::OkStatus());
  EXPECT_EQ(Read(Sha256::Hex("hello world")), "hello world");
}

TEST_F(BlobStoreTest, SkipsBytesThatAreSentAgain) {
  Start("hello world")->Append("hello").IgnoreError();
  auto upload = Start("hello world", 2);
  ASSERT_EQ(upload->Append("l"), absl::OkStatus());
  ASSERT_EQ(upload->Append("lo world"), absl::OkStatus());
  EXPECT_EQ(Finish(*upload), absl::OkStatus());
  EXPECT_EQ(Read(Sha256::Hex("hello world")), "hello world");
}

TEST_F(BlobStoreTest, RefusesAHole) {
  Start("hello world")->Append("hello").IgnoreError();
  const absl::Status status = blobs_->StartUpload(Sha256::Hex("hello world"), 11, 6).status();
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_EQ(ErrorReasonOf(status), "UPLOAD_OFFSET");
  EXPECT_EQ(GetErrorDetail(status).metadata["committed_bytes"], "5");
}

TEST_F(BlobStoreTest, HasOneWriterABlob) {
  auto first = Start("hello");
  EXPECT_TRUE(absl::IsAborted(blobs_->StartUpload(Sha256::Hex("hello"), 5, 0).status()));
  EXPECT_NE(Start("other"), nullptr);
  first.reset();
  EXPECT_NE(Start("hello"), nullptr);
}

TEST_F(BlobStoreTest, MayFinishAfterTheHandleIsGone) {
  auto upload = Start("hello");
  ASSERT_EQ(upload->Append("hello"), absl::OkStatus());
  absl::Status result = absl::UnknownError("no answer");
  upload->Finish([&](absl::Status status) { result = status; });
  upload.reset();
  fixture_.loop().RunUntilIdle();
  EXPECT_EQ(result, absl::OkStatus());
  EXPECT_TRUE(Has("hello"));
}

TEST_F(BlobStoreTest, KeepsNothingOfBytesWithAnotherHash) {
  auto upload = Start("hello");
  ASSERT_EQ(upload->Append("jello"), absl::OkStatus());
  const absl::Status status = Finish(*upload);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(ErrorReasonOf(status), "BLOB_MISMATCH");
  upload.reset();
  EXPECT_EQ(Committed("hello"), 0);
  EXPECT_FALSE(Has("hello"));
  EXPECT_EQ(Put("hello"), absl::OkStatus());
}

TEST_F(BlobStoreTest, FindsAChangedPrefixWhenItGoesOn) {
  Start("hello world")->Append("jello").IgnoreError();
  auto upload = Start("hello world", 5);
  ASSERT_EQ(upload->Append(" world"), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(Finish(*upload)));
}

TEST_F(BlobStoreTest, KeepsNothingOfAnotherSize) {
  auto longer = Start("hello");
  EXPECT_TRUE(absl::IsDataLoss(longer->Append("hello!")));
  longer.reset();
  auto shorter = Start("hello");
  ASSERT_EQ(shorter->Append("hell"), absl::OkStatus());
  EXPECT_TRUE(absl::IsDataLoss(Finish(*shorter)));
  EXPECT_EQ(Committed("hello"), 0);
}

TEST_F(BlobStoreTest, RefusesWhatWouldFillTheDisk) {
  fixture_.disk().SetCapacity(int64_t{1} << 40);
  const int64_t used = (int64_t{1} << 40) - fixture_.disk().FreeBytes();
  fixture_.disk().SetCapacity(used + 3000);
  const absl::Status early = blobs_->StartUpload(Sha256::Hex("x"), 2500, 0).status();
  EXPECT_TRUE(absl::IsResourceExhausted(early)) << early;
  EXPECT_EQ(ErrorReasonOf(early), "OUT_OF_SPACE");

  const std::string data(1500, 'y');
  auto upload = Start(data);
  fixture_.disk().SetCapacity(used + 1200);
  EXPECT_TRUE(absl::IsResourceExhausted(upload->Append(data)));
  fixture_.disk().SetCapacity(int64_t{1} << 40);
  ASSERT_EQ(upload->Append(data), absl::OkStatus());
  EXPECT_EQ(Finish(*upload), absl::OkStatus());
}

TEST_F(BlobStoreTest, ForgetsUploadsOfTheDayBeforeYesterday) {
  Start("old")->Append("o").IgnoreError();
  Start("kept")->Append("k").IgnoreError();
  fixture_.loop().RunFor(absl::Hours(24));
  Restart();
  EXPECT_EQ(Committed("old"), 1);
  Start("kept", 1)->Append("e").IgnoreError();
  fixture_.loop().RunFor(absl::Hours(24));
  Restart();
  EXPECT_EQ(Committed("old"), 0);
  EXPECT_EQ(Committed("kept"), 2);
}

TEST_F(BlobStoreTest, KnowsABlobOnlyWithRowFileAndSize) {
  ASSERT_EQ(Put("hello"), absl::OkStatus());
  EXPECT_FALSE(*blobs_->Has(Sha256::Hex("hello"), 4));
  EXPECT_FALSE(blobs_->Has("../etc/passwd", 4).ok());
  ASSERT_EQ(fixture_.files().Remove(blobs_->PathOf(Sha256::Hex("hello"))), absl::OkStatus());
  EXPECT_FALSE(Has("hello"));
  EXPECT_TRUE(absl::IsNotFound(blobs_->StartDownload(Sha256::Hex("hello"), 0).status()));
}

TEST_F(BlobStoreTest, SetsABlobAsideThatTheDiskHasChanged) {
  ASSERT_EQ(Put("hello"), absl::OkStatus());
  const std::string sha256 = Sha256::Hex("hello");
  ASSERT_EQ(fixture_.files().WriteFileAtomically(blobs_->PathOf(sha256), "hellO"),
            absl::OkStatus());
  auto download = blobs_->StartDownload(sha256, 0);
  std::string data;
  ASSERT_EQ((*download)->Read(100, data), absl::OkStatus());
  const absl::Status end = (*download)->Read(100, data);
  EXPECT_TRUE(absl::IsDataLoss(end)) << end;
  EXPECT_THAT(end.message(), HasSubstr(sha256));
  EXPECT_FALSE(Has("hello"));
  EXPECT_EQ(*fixture_.files().ReadFile("/data/blobs/damaged/" + sha256), "hellO");
  // It can be brought again.
  ASSERT_EQ(Put("hello"), absl::OkStatus());
  EXPECT_TRUE(Has("hello"));
  EXPECT_EQ(Read(sha256), "hello");
}

TEST_F(BlobStoreTest, SetsACutOffBlobAside) {
  ASSERT_EQ(Put("hello"), absl::OkStatus());
  const std::string sha256 = Sha256::Hex("hello");
  ASSERT_EQ(fixture_.files().WriteFileAtomically(blobs_->PathOf(sha256), ""), absl::OkStatus());
  std::string data;
  EXPECT_TRUE(absl::IsDataLoss((*blobs_->StartDownload(sha256, 0))->Read(100, data)));
  EXPECT_FALSE(Has("hello"));
}

TEST_F(BlobStoreTest, ADownloadThatGoesOnIsNotJudged) {
  ASSERT_EQ(Put("hello"), absl::OkStatus());
  auto download = blobs_->StartDownload(Sha256::Hex("hello"), 3);
  std::string data;
  ASSERT_EQ((*download)->Read(100, data), absl::OkStatus());
  EXPECT_EQ(data, "lo");
  EXPECT_EQ((*download)->Read(100, data), absl::OkStatus());
  EXPECT_EQ(data, "");
  EXPECT_TRUE(absl::IsInvalidArgument(blobs_->StartDownload(Sha256::Hex("hello"), 6).status()));
}

TEST_F(BlobStoreTest, MaterialisesAFolder) {
  ASSERT_EQ(Put("weights"), absl::OkStatus());
  ASSERT_EQ(Put("{}"), absl::OkStatus());
  ASSERT_EQ(blobs_->Materialise({Ref("model.bin", "weights"), Ref("sub/config.json", "{}"),
                                 Ref("copy.bin", "weights")},
                                "/data/model"),
            absl::OkStatus());
  EXPECT_EQ(*fixture_.files().ReadFile("/data/model/model.bin"), "weights");
  EXPECT_EQ(*fixture_.files().ReadFile("/data/model/sub/config.json"), "{}");
  EXPECT_TRUE(absl::IsAlreadyExists(blobs_->Materialise({}, "/data/model")));
}

TEST_F(BlobStoreTest, MaterialisesNothingWhenAFileCannotBe) {
  ASSERT_EQ(Put("x"), absl::OkStatus());
  for (const char* path : {"", "/etc/passwd", "../up", "a/../../up", "a//b", "a/", ".", "a\nb"}) {
    const absl::Status status =
        blobs_->Materialise({Ref("good", "x"), Ref(path, "x")}, "/data/model");
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << path << status;
    EXPECT_FALSE(fixture_.files().Exists("/data/model")) << path;
  }
  const absl::Status missing = blobs_->Materialise({Ref("a", "none")}, "/data/model");
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(missing.message(), HasSubstr("upload it first"));
  EXPECT_FALSE(fixture_.files().Exists("/data/model"));
}

}  // namespace
}  // namespace attune
