// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/float_conversion.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(FloatConversion, WidensEveryHalfExactly) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 0x1F);
    const double mantissa = bits & 0x3FF;
    double expected =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    if (exponent == 31) expected = mantissa == 0 ? INFINITY : NAN;
    if ((bits & 0x8000) != 0) expected = -expected;
    const float got = HalfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(got)) << bits;
    } else {
      EXPECT_EQ(got, expected) << bits;
      EXPECT_EQ(std::signbit(got), std::signbit(expected)) << bits;
    }
  }
}

TEST(FloatConversion, WidensBFloat16) {
  EXPECT_EQ(BFloat16ToFloat(0x3F80), 1.0f);
  EXPECT_EQ(BFloat16ToFloat(0xC2F7), -123.5f);
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(0x7FC0)));
}

TEST(FloatConversion, FindsTheFirstValueThatIsNotFinite) {
  std::vector<float> values(1000, std::numeric_limits<float>::max());
  EXPECT_EQ(FindNonFinite(values), -1);
  values[999] = -INFINITY;
  EXPECT_EQ(FindNonFinite(values), 999);
  values[7] = NAN;
  EXPECT_EQ(FindNonFinite(values), 7);
}

}  // namespace
}  // namespace attune
