// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/first_fit.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::Eq;
using ::testing::Optional;

constexpr size_t kUnit = FirstFit::kAlignment;

TEST(FirstFit, PutsBlocksSideBySideFromTheBottom) {
  FirstFit fit(8 * kUnit);
  EXPECT_THAT(fit.Take(2 * kUnit), Optional(0));
  EXPECT_THAT(fit.Take(1), Optional(2 * kUnit));
  EXPECT_THAT(fit.Take(kUnit + 1), Optional(3 * kUnit));
  EXPECT_THAT(fit.Take(3 * kUnit), Optional(5 * kUnit));
  EXPECT_THAT(fit.Take(1), Eq(std::nullopt));
}

TEST(FirstFit, TakesTheLowestHoleThatIsLargeEnough) {
  FirstFit fit(100 * kUnit);
  const size_t small = *fit.Take(kUnit);
  ASSERT_TRUE(fit.Take(kUnit));
  const size_t large = *fit.Take(3 * kUnit);
  ASSERT_TRUE(fit.Take(kUnit));
  fit.Give(large);
  fit.Give(small);
  EXPECT_THAT(fit.Take(2 * kUnit), Optional(large));
  EXPECT_THAT(fit.Take(kUnit), Optional(small));
  EXPECT_THAT(fit.Take(kUnit), Optional(large + 2 * kUnit));
}

TEST(FirstFit, JoinsAFreedBlockWithBothNeighbours) {
  FirstFit fit(3 * kUnit);
  const size_t a = *fit.Take(kUnit), b = *fit.Take(kUnit), c = *fit.Take(kUnit);
  fit.Give(a);
  fit.Give(c);
  EXPECT_THAT(fit.Take(2 * kUnit), Eq(std::nullopt));
  fit.Give(b);
  EXPECT_THAT(fit.Take(3 * kUnit), Optional(0));
}

TEST(FirstFit, JoinsAFreedBlockWithTheStretchAboveAll) {
  FirstFit fit(4 * kUnit);
  const size_t a = *fit.Take(kUnit), b = *fit.Take(kUnit);
  fit.Give(b);
  EXPECT_THAT(fit.Take(3 * kUnit), Optional(b));
  fit.Give(a);
  EXPECT_THAT(fit.Take(2 * kUnit), Eq(std::nullopt));
}

TEST(FirstFit, HasNothingInAnEmptyRange) {
  FirstFit none(0), less_than_a_line(kUnit - 1);
  EXPECT_THAT(none.Take(1), Eq(std::nullopt));
  EXPECT_THAT(less_than_a_line.Take(1), Eq(std::nullopt));
}

TEST(FirstFit, NeverOverlapsAndEndsAsOneStretch) {
  constexpr size_t kRange = 1000 * kUnit;
  struct Block {
    size_t offset, bytes;
  };
  std::mt19937 random(7);
  FirstFit fit(kRange);
  std::vector<Block> blocks;
  for (int i = 0; i < 20000; ++i) {
    if (blocks.empty() || random() % 2 == 0) {
      const size_t bytes = 1 + random() % (40 * kUnit);
      if (const auto offset = fit.Take(bytes)) {
        ASSERT_EQ(*offset % kUnit, 0);
        ASSERT_LE(*offset + bytes, kRange);
        for (const Block& other : blocks) {
          ASSERT_TRUE(*offset + bytes <= other.offset || other.offset + other.bytes <= *offset);
        }
        blocks.push_back({*offset, bytes});
      }
    } else {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      fit.Give(blocks.back().offset);
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) fit.Give(block.offset);
  EXPECT_THAT(fit.Take(kRange), Optional(0));
}

}  // namespace
}  // namespace attune
