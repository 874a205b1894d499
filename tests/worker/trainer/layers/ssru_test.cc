// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/ssru.h"

#include <algorithm>
#include <cmath>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "gtest/gtest.h"
#include "worker/trainer/device/rows.h"

namespace attune {
namespace {

constexpr int64_t kWidth = 21;  // no multiple of the vector width
const std::vector<int64_t> kOffsets = {0, 1, 8, 40};

class SsruOf : public ::testing::Test {
 protected:
  SsruOf() { at::manual_seed(3); }
  static at::Tensor Rows() { return at::randn({RowCapacity(kOffsets.back()), kWidth}); }

  const at::Tensor input_ = Rows(), gates_ = Rows();
};

// Step by step, in double precision.
at::Tensor SlowCells(const at::Tensor& input, const at::Tensor& gates, const at::Tensor& before) {
  const at::Tensor forget = at::sigmoid(gates.to(at::kDouble));
  at::Tensor cells = at::zeros_like(forget);
  for (size_t s = 0; s + 1 < kOffsets.size(); ++s) {
    at::Tensor cell = before.defined() ? before[static_cast<int64_t>(s)].to(at::kDouble)
                                       : at::zeros({kWidth}, at::kDouble);
    for (int64_t t = kOffsets[s]; t < kOffsets[s + 1]; ++t) {
      cell = forget[t] * cell + (1 - forget[t]) * input[t];
      cells[t] = cell;
    }
  }
  return cells;
}

double Distance(const at::Tensor& ours, const at::Tensor& expected) {
  return (ours - expected).narrow(0, 0, kOffsets.back()).abs().max().item<double>();
}

TEST_F(SsruOf, EachSequenceIsScannedFromZero) {
  const SsruRows rows = Ssru(kOffsets, input_, gates_, {});
  const at::Tensor cells = SlowCells(input_, gates_, {});
  EXPECT_LT(Distance(rows.cells, cells), 1e-6);
  EXPECT_LT(Distance(rows.output, cells.clamp_min(0)), 1e-6);
}

TEST_F(SsruOf, AScanGoesOnFromWhereAnotherEnded) {
  const at::Tensor before = at::randn({16, kWidth});
  EXPECT_LT(
      Distance(Ssru(kOffsets, input_, gates_, before).cells, SlowCells(input_, gates_, before)),
      1e-6);
}

TEST_F(SsruOf, GatesFarOutAreFinite) {
  const at::Tensor wide = gates_ * 1000;
  const SsruRows rows = Ssru(kOffsets, input_, wide, {});
  EXPECT_LT(Distance(rows.cells, SlowCells(input_, wide, {})), 1e-6);
}

TEST_F(SsruOf, BackwardEqualsTheSlopeOfForward) {
  const at::Tensor dy = Rows(), input_way = Rows(), gates_way = Rows();
  const SsruGrad grad = SsruBackward(kOffsets, input_, Ssru(kOffsets, input_, gates_, {}), dy);
  const auto value = [&](double step) {
    const at::Tensor cells =
        SlowCells(input_ + input_way * step, gates_ + gates_way * step, {}).clamp_min(0);
    return (cells * dy).narrow(0, 0, kOffsets.back()).sum().item<double>();
  };
  const double slope = (grad.input * input_way + grad.gates * gates_way)
                           .narrow(0, 0, kOffsets.back())
                           .sum(at::kDouble)
                           .item<double>();
  const double step = 1e-4;
  EXPECT_NEAR((value(step) - value(-step)) / (2 * step), slope,
              1e-3 * std::max(1.0, std::abs(slope)));
}

TEST_F(SsruOf, RowsDoNotDependOnTheThreadCount) {
  const int threads = at::get_num_threads();
  const SsruRows many = Ssru(kOffsets, input_, gates_, {});
  at::set_num_threads(1);
  const SsruRows one = Ssru(kOffsets, input_, gates_, {});
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(many.cells, one.cells));
  EXPECT_TRUE(at::equal(many.forget, one.forget));
}

}  // namespace
}  // namespace attune
