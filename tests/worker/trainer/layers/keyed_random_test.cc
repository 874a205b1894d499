// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/keyed_random.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"

namespace attune {
namespace {

constexpr int64_t kRows = 2000, kColumns = 384;

std::vector<float> MaskOf(const Dropout& dropout) {
  std::vector<float> mask;
  for (int64_t row = 0; row < kRows; ++row) {
    const RowMask draw(dropout, static_cast<uint64_t>(row));
    for (int64_t column = 0; column < kColumns; column += simd::kLanes) {
      const simd::Vec scales = draw.Scales(column);
      for (int64_t i = 0; i < simd::kLanes; ++i) mask.push_back(scales[i]);
    }
  }
  return mask;
}

double Correlation(const std::vector<float>& a, const std::vector<float>& b, size_t shift,
                   double mean) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i + shift < a.size(); ++i) {
    sum += (a[i] - mean) * (b[i + shift] - mean);
    squares += (a[i] - mean) * (a[i] - mean);
  }
  return sum / squares;
}

TEST(Dropout, DropsItsShareAndKeepsTheMean) {
  for (const double p : {0.1, 0.5}) {
    const std::vector<float> mask = MaskOf(DropoutAt({1, 2, 0}, 3, p));
    double zeros = 0;
    for (const float m : mask) {
      zeros += m == 0;
      EXPECT_TRUE(m == 0 || std::abs(m - 1 / (1 - p)) < 1e-6);
    }
    const auto n = static_cast<double>(mask.size());
    EXPECT_NEAR(zeros / n, p, 5 * std::sqrt(p * (1 - p) / n));
  }
}

TEST(Dropout, IsAFunctionOfItsKey) {
  const std::vector<float> mask = MaskOf(DropoutAt({1, 2, 0}, 3, 0.5));
  EXPECT_EQ(mask, MaskOf(DropoutAt({1, 2, 0}, 3, 0.5)));
  const double bar = 5 / std::sqrt(static_cast<double>(mask.size()));
  for (const Dropout& other : {DropoutAt({2, 2, 0}, 3, 0.5), DropoutAt({1, 3, 0}, 3, 0.5),
                               DropoutAt({1, 2, 1}, 3, 0.5), DropoutAt({1, 2, 0}, 4, 0.5)}) {
    EXPECT_LT(std::abs(Correlation(mask, MaskOf(other), 0, 1)), bar);
  }
}

TEST(Dropout, NeighboursAreIndependent) {
  const std::vector<float> mask = MaskOf(DropoutAt({9, 0, 0}, 0, 0.5));
  const double bar = 5 / std::sqrt(static_cast<double>(mask.size()));
  for (const size_t shift : {1, 2, 16, 383, 384, 385}) {
    EXPECT_LT(std::abs(Correlation(mask, mask, shift, 1)), bar) << shift;
  }
}

}  // namespace
}  // namespace attune
