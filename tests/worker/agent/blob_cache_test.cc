// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/blob_cache.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

class BlobCacheTest : public ::testing::Test {
 protected:
  // A blob of 100 bytes.
  std::string Add(BlobCache& cache, char fill) {
    const std::string bytes(100, fill), sha256 = Sha256::Hex(bytes);
    EXPECT_TRUE(PosixFileSystem().WriteFileAtomically(cache.PathOf(sha256), bytes).ok());
    cache.Use(sha256, 100);
    return sha256;
  }
  BlobCache NewCache(int64_t max_bytes) {
    BlobCache cache(PosixFileSystem(), dir_.path(), max_bytes);
    EXPECT_TRUE(cache.Init().ok());
    return cache;
  }
  TempDir dir_;
};

TEST_F(BlobCacheTest, EvictsTheLeastRecentlyUsed) {
  BlobCache cache = NewCache(250);
  const std::string a = Add(cache, 'a'), b = Add(cache, 'b');
  cache.Use(a, 100);
  const std::string c = Add(cache, 'c');
  EXPECT_TRUE(cache.Contains(a));
  EXPECT_FALSE(cache.Contains(b));
  EXPECT_TRUE(cache.Contains(c));
  EXPECT_FALSE(PosixFileSystem().Exists(cache.PathOf(b)));
  EXPECT_EQ(cache.bytes(), 200);
}

TEST_F(BlobCacheTest, TakesOverWhatAnEarlierAgentFetchedButNoCutDownloads) {
  BlobCache before = NewCache(1000);
  const std::string a = Add(before, 'a');
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(before.PathOf("b.part"), "half").ok());
  BlobCache after = NewCache(1000);
  EXPECT_TRUE(after.Contains(a));
  EXPECT_EQ(after.bytes(), 100);
}

TEST_F(BlobCacheTest, KeepsTheBlobInUseHoweverLargeItIs) {
  BlobCache cache = NewCache(10);
  EXPECT_TRUE(cache.Contains(Add(cache, 'a')));
}

TEST_F(BlobCacheTest, ALinkOutlivesEviction) {
  BlobCache cache = NewCache(1000);
  const std::string a = Add(cache, 'a');
  ASSERT_TRUE(PosixFileSystem().Link(cache.PathOf(a), dir_.Path("link")).ok());
  cache.Drop(a);
  EXPECT_FALSE(cache.Contains(a));
  EXPECT_EQ(*PosixFileSystem().ReadFile(dir_.Path("link")), std::string(100, 'a'));
}

}  // namespace
}  // namespace attune
