// SPDX-License-Identifier: Apache-2.0
#include "server/store/commit_marker.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes_store/memory_file_system.h"

namespace attune {
namespace {

class CommitMarkerTest : public testing::Test {
 protected:
  CommitMarkerTest() : files_(disk_) {}
  int64_t Load() { return CommitMarker(files_, kPath).Load()->value_or(-1); }

  static constexpr char kPath[] = "/marker";
  CrashDisk disk_;
  MemoryFileSystem files_;
};

TEST_F(CommitMarkerTest, RemembersTheNewestNumber) {
  EXPECT_EQ(Load(), -1);
  CommitMarker marker(files_, kPath);
  ASSERT_EQ(marker.Start(300), absl::OkStatus());
  EXPECT_EQ(Load(), 300);
  marker.Note(301);
  marker.Note(1'000'000'007);
  EXPECT_EQ(Load(), 1'000'000'007);
}

TEST_F(CommitMarkerTest, IgnoresATornTail) {
  CommitMarker marker(files_, kPath);
  ASSERT_EQ(marker.Start(300), absl::OkStatus());
  auto file = disk_.Open(kPath);
  ASSERT_EQ(disk_.Append(*file, "\x7f\x7f\x7f"), absl::OkStatus());
  EXPECT_EQ(Load(), 300);
}

TEST_F(CommitMarkerTest, MakesGoodWhatAFullDiskPrevented) {
  CommitMarker marker(files_, kPath);
  ASSERT_EQ(marker.Start(1), absl::OkStatus());
  disk_.SetCapacity(0);
  marker.Note(2);
  EXPECT_EQ(Load(), 1);
  disk_.SetCapacity(1 << 20);
  marker.Note(3);
  EXPECT_EQ(Load(), 3);
}

TEST_F(CommitMarkerTest, DoesNotGrowForever) {
  CommitMarker marker(files_, kPath);
  ASSERT_EQ(marker.Start(1), absl::OkStatus());
  for (int64_t commit = 2; commit < 300'000; ++commit) marker.Note(commit);
  EXPECT_LE(*files_.FileSize(kPath), 1 << 20);
  EXPECT_EQ(Load(), 299'999);
}

}  // namespace
}  // namespace attune
