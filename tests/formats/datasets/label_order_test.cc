// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/label_order.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

TEST(LabelOrder, IsByValueWhenAllAreIntegers) {
  EXPECT_THAT(InClassOrder({"10", "9", "-1", "0"}), ElementsAre("-1", "0", "9", "10"));
}

TEST(LabelOrder, IsByBytesOtherwise) {
  EXPECT_THAT(InClassOrder({"10", "9", "x"}), ElementsAre("10", "9", "x"));
  EXPECT_THAT(InClassOrder({"pos", "neg", "Neg"}), ElementsAre("Neg", "neg", "pos"));
  EXPECT_THAT(InClassOrder({"10", "09"}), ElementsAre("09", "10"));
}

}  // namespace
}  // namespace attune
