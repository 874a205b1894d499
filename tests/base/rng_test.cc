// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <set>

namespace attune {
namespace {

using ::testing::MatchesRegex;

// Gives the numbers it was made with.
class ScriptedRng final : public Rng {
 public:
  explicit ScriptedRng(std::deque<uint64_t> values) : values_(std::move(values)) {}
  uint64_t Next() override {
    const uint64_t value = values_.front();
    values_.pop_front();
    return value;
  }

 private:
  std::deque<uint64_t> values_;
};

TEST(SeededRng, IsSplitMix64) {
  // Reference values of Vigna's splitmix64.c for seed 1234567.
  SeededRng rng(1234567);
  EXPECT_EQ(rng.Next(), 6457827717110365317u);
  EXPECT_EQ(rng.Next(), 3203168211198807973u);
  EXPECT_EQ(rng.Next(), 9817491932198370423u);
}

TEST(Rng, UniformCoversZeroToJustBelowOne) {
  ScriptedRng rng({0, ~uint64_t{0}, uint64_t{1} << 63});
  EXPECT_EQ(rng.Uniform(), 0.0);
  EXPECT_EQ(rng.Uniform(), 1.0 - 0x1p-53);
  EXPECT_EQ(rng.Uniform(), 0.5);
}

TEST(Rng, BelowRejectsTheValuesThatWouldBias) {
  // 2^64 mod 3 = 1: the value 0 is drawn again.
  ScriptedRng rng({0, 5, 1});
  EXPECT_EQ(rng.Below(3), 2u);
  EXPECT_EQ(rng.Below(3), 1u);
}

TEST(Rng, BelowReachesEveryValueAboutEquallyOften) {
  SeededRng rng(3);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[rng.Below(counts.size())];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 400);
}

TEST(Rng, UuidIsVersion4AndHasEveryBitOfTheRest) {
  constexpr char kVersion4[] =
      "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
  ScriptedRng zeros({0, 0}), ones({~uint64_t{0}, ~uint64_t{0}});
  EXPECT_EQ(zeros.Uuid(), "00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(ones.Uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_THAT(SystemRng().Uuid(), MatchesRegex(kVersion4));
}

TEST(Rng, SuffixStartsWithALetter) {
  SeededRng rng(5);
  for (int i = 0; i < 200; ++i) EXPECT_THAT(rng.Suffix(6), MatchesRegex("[a-z][a-z0-9]{5}"));
  EXPECT_EQ(rng.Suffix(0), "");
}

TEST(SystemRng, DoesNotRepeat) {
  SystemRng rng;
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(rng.Next());
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace attune
