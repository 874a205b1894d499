// SPDX-License-Identifier: Apache-2.0
#include "client/downloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DownloaderTest : public ::testing::Test {
 protected:
  v1::FileRef Ref(const std::string& path, const std::string& bytes) {
    v1::FileRef ref;
    ref.set_path(path);
    ref.set_size_bytes(static_cast<int64_t>(bytes.size()));
    ref.set_sha256(Sha256::Hex(bytes));
    return ref;
  }
  v1::FileRef Serve(const std::string& path, const std::string& bytes) {
    server_.blobs.Put(bytes);
    return Ref(path, bytes);
  }
  absl::Status Download(const std::vector<v1::FileRef>& files, bool replace = false) {
    Connection connection = parts_.Connect(server_.address());
    return Downloader(connection, PosixFileSystem()).Download(files, folder_.Path("out"), replace);
  }

  const std::string bytes_ = std::string(2500, 'a') + std::string(2500, 'b');
  Folder folder_;
  FakeServer server_;
  ClientParts parts_;
};

TEST_F(DownloaderTest, MakesTheFolderWithAllFiles) {
  ASSERT_TRUE(Download({Serve("config.json", "{}"), Serve("1_Pooling/config.json", "{1}")}).ok());
  EXPECT_EQ(folder_.Read("out/config.json"), "{}");
  EXPECT_EQ(folder_.Read("out/1_Pooling/config.json"), "{1}");
  EXPECT_FALSE(folder_.Has("out.part"));
}

TEST_F(DownloaderTest, ResumesByOffsetAfterACut) {
  const v1::FileRef ref = Serve("weights", bytes_);
  server_.blobs.CutAfter(2000, 2);
  ASSERT_TRUE(Download({ref}).ok());
  EXPECT_EQ(folder_.Read("out/weights"), bytes_);
  EXPECT_THAT(server_.blobs.offsets(), ElementsAre(0, 2000, 4000));
}

TEST_F(DownloaderTest, GoesOnWithWhatAnEarlierRunLeft) {
  const v1::FileRef small = Serve("config.json", "{}");
  const v1::FileRef ref = Serve("weights", bytes_);
  folder_.Write("out.part/config.json", "{}");
  folder_.Write("out.part/weights.part", bytes_.substr(0, 3000));
  ASSERT_TRUE(Download({small, ref}).ok());
  EXPECT_EQ(folder_.Read("out/weights"), bytes_);
  EXPECT_THAT(server_.blobs.offsets(), ElementsAre(3000));
}

TEST_F(DownloaderTest, StartsOverWhenWhatWasLeftIsDamaged) {
  const v1::FileRef ref = Serve("weights", bytes_);
  folder_.Write("out.part/weights.part", std::string(3000, 'x'));
  ASSERT_TRUE(Download({ref}).ok());
  EXPECT_EQ(folder_.Read("out/weights"), bytes_);
  EXPECT_THAT(server_.blobs.offsets(), ElementsAre(3000, 0));
}

TEST_F(DownloaderTest, KeepsNothingThatHasAnotherDigest) {
  const v1::FileRef ref = Ref("weights", bytes_);
  server_.blobs.PutUnder(ref.sha256(), std::string(bytes_.size(), 'x'));
  const absl::Status status = Download({ref});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(folder_.Has("out"));
  EXPECT_FALSE(folder_.Has("out.part/weights"));
  EXPECT_FALSE(folder_.Has("out.part/weights.part"));
}

TEST_F(DownloaderTest, RefusesMoreBytesThanTheFileHas) {
  const v1::FileRef ref = Ref("weights", bytes_);
  server_.blobs.PutUnder(ref.sha256(), bytes_ + bytes_);
  EXPECT_EQ(Download({ref}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(DownloaderTest, LeavesAFolderThatExistsAlone) {
  const v1::FileRef ref = Serve("config.json", "{}");
  folder_.Write("out/mine.txt", "mine");
  EXPECT_EQ(ErrorReasonOf(Download({ref})), ReasonName(ClientReason::kOutputExists));
  EXPECT_THAT(server_.blobs.offsets(), IsEmpty());
  EXPECT_FALSE(folder_.Has("out/config.json"));
}

TEST_F(DownloaderTest, ReplacesOnlyItsOwnFilesWhenForced) {
  folder_.Write("out/mine.txt", "mine");
  folder_.Write("out/config.json", "old");
  ASSERT_TRUE(Download({Serve("config.json", "{}")}, /*replace=*/true).ok());
  EXPECT_EQ(folder_.Read("out/config.json"), "{}");
  EXPECT_EQ(folder_.Read("out/mine.txt"), "mine");
  EXPECT_FALSE(folder_.Has("out.part"));
}

TEST_F(DownloaderTest, RefusesPathsThatLeadOutOfTheFolder) {
  for (const char* path : {"../x", "/etc/x", "a/../../x", "", "a//../x", "./x"}) {
    const absl::Status status = Download({Serve(path, "{}")});
    EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kServerFault)) << path;
  }
  EXPECT_THAT(server_.blobs.offsets(), IsEmpty());
}

}  // namespace
}  // namespace attune
