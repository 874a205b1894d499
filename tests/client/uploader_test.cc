// SPDX-License-Identifier: Apache-2.0
#include "client/uploader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kChunk = static_cast<int64_t>(kTransferChunkBytes);

// Not periodic in the chunk size, so that a misplaced chunk changes the digest.
std::string Bytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * i / 251);
  return bytes;
}

class UploaderTest : public ::testing::Test {
 protected:
  LocalFile Describe(const std::string& text) {
    const std::string path = folder_.Write("data.csv", text);
    return *DescribeFile(PosixFileSystem(), path, "data.csv");
  }
  absl::Status Upload(const LocalFile& file) {
    Connection connection = parts_.Connect(server_.address());
    Uploader uploader(connection, [this](const TransferProgress& progress) {
      progress_.push_back(progress.done_bytes);
    });
    return uploader.Upload({file});
  }

  Folder folder_;
  FakeServer server_;
  ClientParts parts_;
  std::vector<int64_t> progress_;
};

TEST_F(UploaderTest, SendsTheWholeFileInChunks) {
  const LocalFile file = Describe(Bytes(2 * kChunk + 7));
  ASSERT_TRUE(Upload(file).ok());
  EXPECT_TRUE(server_.blobs.Has(file.ref.sha256()));
  EXPECT_THAT(progress_, ElementsAre(kChunk, 2 * kChunk, 2 * kChunk + 7));
}

TEST_F(UploaderTest, SendsAnEmptyFile) {
  const LocalFile file = Describe("");
  ASSERT_TRUE(Upload(file).ok());
  EXPECT_TRUE(server_.blobs.Has(file.ref.sha256()));
}

TEST_F(UploaderTest, SendsNothingThatIsThere) {
  const std::string text = Bytes(100);
  server_.blobs.Put(text);
  ASSERT_TRUE(Upload(Describe(text)).ok());
  EXPECT_THAT(server_.blobs.offsets(), IsEmpty());
}

TEST_F(UploaderTest, GoesOnWhereAnEarlierUploadWasCut) {
  const std::string text = Bytes(3000);
  const LocalFile file = Describe(text);
  server_.blobs.PutPartial(file.ref.sha256(), text.substr(0, 1234));
  ASSERT_TRUE(Upload(file).ok());
  EXPECT_TRUE(server_.blobs.Has(file.ref.sha256()));
  EXPECT_THAT(server_.blobs.offsets(), ElementsAre(1234));
  EXPECT_EQ(server_.blobs.bytes_received(), 3000 - 1234);
}

TEST_F(UploaderTest, ResumesAtTheCommittedOffsetEachTimeItIsCut) {
  const LocalFile file = Describe(Bytes(3 * kChunk + 5));
  server_.blobs.CutAfter(kTransferChunkBytes, 2);
  ASSERT_TRUE(Upload(file).ok());
  EXPECT_TRUE(server_.blobs.Has(file.ref.sha256()));
  EXPECT_THAT(server_.blobs.offsets(), ElementsAre(0, kChunk, 2 * kChunk));
}

TEST_F(UploaderTest, SaysThatAFileChangedMeanwhile) {
  const LocalFile file = Describe("before");
  folder_.Write("data.csv", "after!");
  const absl::Status status = Upload(file);
  EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kLocalInput));
  EXPECT_THAT(std::string(status.message()), HasSubstr("data.csv changed"));
}

TEST_F(UploaderTest, NamesAFileThatCannotBeRead) {
  const auto file = DescribeFile(PosixFileSystem(), folder_.Path("none.csv"), "none.csv");
  EXPECT_EQ(ErrorReasonOf(file.status()), ReasonName(ClientReason::kLocalInput));
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("none.csv"));
}

}  // namespace
}  // namespace attune
