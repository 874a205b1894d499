// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/split.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

// From Python: int.from_bytes(hashlib.sha256("\x1f".join(texts).encode()).digest()[:8], "little")
TEST(Split, HashIsTheOneThatPythonComputes) {
  EXPECT_EQ(SplitHash({"hello"}), 1054880662928880172ull);
  EXPECT_EQ(SplitHash({"premise", "hypothesis é"}), 13321204608322582684ull);
  EXPECT_NE(SplitHash({"a", "b"}), SplitHash({"ab"}));
}

TEST(Split, HoldsOutAboutTheFractionAskedFor) {
  int held_out = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (IsHeldOut({"example " + std::to_string(i)}, 0.05)) ++held_out;
  }
  EXPECT_GT(held_out, 900);
  EXPECT_LT(held_out, 1100);
}

TEST(Split, GrowsWithTheFraction) {
  for (int i = 0; i < 2000; ++i) {
    const std::vector<std::string> texts = {std::to_string(i)};
    EXPECT_FALSE(IsHeldOut(texts, 0));
    EXPECT_TRUE(!IsHeldOut(texts, 0.1) || IsHeldOut(texts, 0.2));
  }
}

}  // namespace
}  // namespace attune
