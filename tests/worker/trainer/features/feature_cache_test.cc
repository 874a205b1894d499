// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/feature_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using testing::RecordingSink;
using testing::TemporaryFolder;

constexpr FeatureShape kShape{.rows = 5, .width = 3};
constexpr int64_t kFileBytes = 4096 + 5 * 3 * 4 + 64;

class Cache : public ::testing::Test {
 protected:
  // The first value of what the cache gives for a key whose rows count up from `first`.
  absl::StatusOr<float> Get(const std::string& key, float first, int64_t capacity = 1 << 20) {
    FeatureCache cache(PosixFileSystem(), dir(), sink_, capacity);
    const auto source = [&](RowSink sink) -> absl::Status {
      ++computed_;
      std::vector<float> values(15);
      std::iota(values.begin(), values.end(), first);
      ATTUNE_RETURN_IF_ERROR(sink(values.data(), 2));
      return sink(values.data() + 6, 3);
    };
    ATTUNE_ASSIGN_OR_RETURN(const auto matrix, cache.Get(key, kShape, source));
    for (int64_t i = 0; i < 15; ++i) {
      EXPECT_EQ(matrix->row(i / 3)[i % 3], matrix->row(0)[0] + static_cast<float>(i));
    }
    return matrix->row(0)[0];
  }
  float Value(const std::string& key, float first, int64_t capacity = 1 << 20) {
    const absl::StatusOr<float> value = Get(key, first, capacity);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(-1);
  }
  std::string dir() const { return JoinPath(folder_.path(), "cache"); }
  std::string PathOf(const std::string& key) const { return JoinPath(dir(), key + ".features"); }
  void SetAge(const std::string& key, int seconds) {
    const timespec times[2] = {{1'000'000 - seconds, 0}, {1'000'000 - seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, PathOf(key).c_str(), times, 0), 0);
  }

  TemporaryFolder folder_;
  RecordingSink sink_;
  int computed_ = 0;
};

TEST_F(Cache, ComputesOnceAndKeepsWhatItComputed) {
  EXPECT_EQ(Value("a", 1), 1);
  EXPECT_EQ(Value("a", 2), 1);
  EXPECT_EQ(Value("b", 2), 2);
  EXPECT_EQ(computed_, 2);
  EXPECT_TRUE(sink_.All<NoticeFrame>().empty());
}

TEST_F(Cache, KeepsNothingWithoutAKey) {
  EXPECT_EQ(Value("", 1), 1);
  EXPECT_FALSE(PosixFileSystem().Exists(dir()));
}

TEST_F(Cache, HasNoRoomForWhatIsLargerThanAllOfIt) {
  EXPECT_TRUE(FeatureCache(PosixFileSystem(), dir(), sink_, 60).Fits(kShape));
  EXPECT_FALSE(FeatureCache(PosixFileSystem(), dir(), sink_, 59).Fits(kShape));
}

TEST_F(Cache, ComputesADamagedFileAgainAndSaysSo) {
  ASSERT_EQ(Value("a", 1), 1);
  std::string bytes = *PosixFileSystem().ReadFile(PathOf("a"));
  ASSERT_EQ(bytes.size(), kFileBytes);
  bytes[4100] ^= 1;
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(PathOf("a"), bytes).ok());
  EXPECT_EQ(Value("a", 7), 7);
  const auto notices = sink_.All<NoticeFrame>();
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].severity, "WARNING");
  EXPECT_THAT(notices[0].message, ::testing::HasSubstr("hash"));
  EXPECT_EQ(Value("a", 8), 7);
}

TEST_F(Cache, ComputesATornFileAgain) {
  ASSERT_EQ(Value("a", 1), 1);
  const std::string bytes = *PosixFileSystem().ReadFile(PathOf("a"));
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(PathOf("a"), bytes.substr(0, 4200)).ok());
  EXPECT_EQ(Value("a", 7), 7);
  EXPECT_EQ(sink_.All<NoticeFrame>().size(), 1);
}

TEST_F(Cache, DoesNotTakeTheFileOfAnotherKey) {
  ASSERT_EQ(Value("a", 1), 1);
  ASSERT_TRUE(PosixFileSystem().Rename(PathOf("a"), PathOf("b")).ok());
  EXPECT_EQ(Value("b", 2), 2);
}

TEST_F(Cache, DropsWhatWasNotUsedForLongest) {
  const int64_t room = 2 * kFileBytes;
  for (const char* key : {"a", "b"}) Value(key, 1, room);
  SetAge("a", 20);
  SetAge("b", 10);
  EXPECT_EQ(Value("a", 5, room), 1);  // used again just now
  Value("c", 1, room);
  EXPECT_TRUE(PosixFileSystem().Exists(PathOf("a")));
  EXPECT_FALSE(PosixFileSystem().Exists(PathOf("b")));
  EXPECT_TRUE(PosixFileSystem().Exists(PathOf("c")));
}

TEST_F(Cache, GoesOnInMemoryWhereItCannotWrite) {
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir(), "a file where the folder goes").ok());
  EXPECT_EQ(Value("a", 1), 1);
  EXPECT_FALSE(sink_.All<NoticeFrame>().empty());
}

TEST_F(Cache, LeavesNothingBehindWhenTheSourceStops) {
  FeatureCache cache(PosixFileSystem(), dir(), sink_);
  const auto source = [&](RowSink sink) -> absl::Status {
    const float row[3] = {1, 2, 3};
    ATTUNE_RETURN_IF_ERROR(sink(row, 1));
    return absl::CancelledError("stopped");
  };
  EXPECT_TRUE(absl::IsCancelled(cache.Get("a", kShape, source).status()));
  EXPECT_THAT(*PosixFileSystem().List(dir()), ::testing::IsEmpty());
  EXPECT_TRUE(sink_.All<NoticeFrame>().empty());
}

}  // namespace
}  // namespace attune
