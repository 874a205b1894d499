// SPDX-License-Identifier: Apache-2.0
#include "server/session/trainer_logs.h"

#include "gtest/gtest.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

class TrainerLogsTest : public testing::Test {
 protected:
  std::string All(int64_t offset = 0, int max_bytes = 1000) {
    const auto piece = logs_.Read("uid", offset, max_bytes);
    return piece.ok() ? piece->data : std::string(absl::StatusCodeToString(piece.status().code()));
  }

  TempDir dir_;
  TrainerLogs logs_{PosixFileSystem(), dir_.Path("logs"), 20};
};

TEST_F(TrainerLogsTest, ThereIsNoneBeforeTheFirstLine) { EXPECT_EQ(All(), "NOT_FOUND"); }

TEST_F(TrainerLogsTest, AppendsWhatIsNew) {
  logs_.Append("uid", 1, 0, "abc");
  logs_.Append("uid", 1, 3, "def");
  EXPECT_EQ(All(), "abcdef");
}

TEST_F(TrainerLogsTest, ARepeatedChunkChangesNothing) {
  logs_.Append("uid", 1, 0, "abcd");
  logs_.Append("uid", 1, 0, "abcd");
  logs_.Append("uid", 1, 2, "cdef");
  EXPECT_EQ(All(), "abcdef");
}

TEST_F(TrainerLogsTest, AttemptsFollowOneAnother) {
  logs_.Append("uid", 2, 0, "two");
  logs_.Append("uid", 1, 0, "one ");
  logs_.Append("uid", 10, 0, " ten");
  EXPECT_EQ(All(), "one two ten");
}

TEST_F(TrainerLogsTest, ReadsFromAnOffsetAcrossAttempts) {
  logs_.Append("uid", 1, 0, "0123");
  logs_.Append("uid", 2, 0, "4567");
  EXPECT_EQ(All(2, 4), "2345");
  EXPECT_EQ(All(6), "67");
  EXPECT_EQ(All(8), "");
  EXPECT_EQ(logs_.Read("uid", 2, 1)->size_bytes, 8);
}

TEST_F(TrainerLogsTest, LostLinesLeaveBlanksSoThatOffsetsStay) {
  logs_.Append("uid", 1, 0, "ab");
  logs_.Append("uid", 1, 4, "ef");
  EXPECT_EQ(All(), "ab  ef");
}

TEST_F(TrainerLogsTest, StopsAtTheCap) {
  logs_.Append("uid", 1, 0, "0123456789");
  logs_.Append("uid", 2, 0, "0123456789abcdef");
  EXPECT_EQ(All(), "01234567890123456789");
  logs_.Append("uid", 2, 16, "more");
  EXPECT_EQ(All().size(), 20U);
}

}  // namespace
}  // namespace attune
