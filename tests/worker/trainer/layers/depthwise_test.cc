// SPDX-License-Identifier: Apache-2.0
// Against torch's convolution on images that are padded by hand.
#include "worker/trainer/layers/depthwise.h"

#include <tuple>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "worker/trainer/device/rows.h"

namespace attune {
namespace {

constexpr int64_t kImages = 3;

// [images, channels, side, side] to pixels, and back.
at::Tensor Pixels(const at::Tensor& images) {
  const int64_t rows = images.size(0) * images.size(2) * images.size(3);
  at::Tensor pixels = EmptyRows(rows, images.size(1));
  pixels.narrow(0, 0, rows).copy_(images.permute({0, 2, 3, 1}).reshape({rows, -1}));
  return pixels;
}
at::Tensor Images(const at::Tensor& pixels, int64_t side) {
  return pixels.narrow(0, 0, kImages * side * side)
      .view({kImages, side, side, -1})
      .permute({0, 3, 1, 2});
}

at::Tensor Padded(const at::Tensor& images, const SameWindow& w) {
  const int64_t all = std::max<int64_t>(0, (w.out() - 1) * w.stride + w.kernel - w.in);
  const int64_t before = all / 2, after = all - before;
  return at::constant_pad_nd(images.to(at::kDouble), {before, after, before, after}, 0);
}

// side, kernel, stride, channels; 21 channels are no multiple of the vector width.
class DepthwiseOf
    : public ::testing::TestWithParam<std::tuple<int64_t, int64_t, int64_t, int64_t>> {
 protected:
  DepthwiseOf() {
    at::manual_seed(5);
    const auto [side, kernel, stride, channels] = GetParam();
    window_ = {.in = side, .kernel = kernel, .stride = stride};
    x_ = at::randn({kImages, channels, side, side});
    weight_ = at::randn({channels, 1, kernel, kernel});
    bias_ = at::randn({channels});
    dy_ = at::randn({kImages, channels, window_.out(), window_.out()});
  }
  at::Tensor Taps() const { return weight_.view({weight_.size(0), -1}).t().contiguous(); }

  SameWindow window_;
  at::Tensor x_, weight_, bias_, dy_;
};

TEST_P(DepthwiseOf, AnImageEqualsTorchsConvolution) {
  const at::Tensor y = Images(
      Depthwise(Pixels(x_), kImages, window_, Taps(), bias_, Activation::kRelu6), window_.out());
  const at::Tensor expected =
      at::conv2d(Padded(x_, window_), weight_.to(at::kDouble), bias_.to(at::kDouble),
                 window_.stride, at::IntArrayRef{0}, 1, weight_.size(0))
          .clamp(0, 6);
  EXPECT_LT((y - expected).abs().max().item<double>(), 1e-5);
}

TEST_P(DepthwiseOf, AnImageHasTorchsGradients) {
  const at::Tensor padded = Padded(x_, window_);
  const auto [dpadded, dweight, dbias] =
      at::convolution_backward(dy_.to(at::kDouble), padded, weight_.to(at::kDouble), std::nullopt,
                               {window_.stride, window_.stride}, {0, 0}, {1, 1}, false, {0, 0},
                               weight_.size(0), {true, true, false});
  const int64_t before = window_.before();
  const at::Tensor expected = dpadded.narrow(2, before, window_.in).narrow(3, before, window_.in);
  const at::Tensor dx =
      Images(DepthwiseBackwardInput(Pixels(dy_), kImages, window_, Taps()), window_.in);
  EXPECT_LT((dx - expected).abs().max().item<double>(), 1e-4);
  const at::Tensor dtaps = DepthwiseBackwardTaps(Pixels(dy_), Pixels(x_), kImages, window_);
  EXPECT_LT((dtaps.t().reshape(weight_.sizes()) - dweight).abs().max().item<double>(), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Windows, DepthwiseOf,
                         ::testing::Values(std::tuple(12, 3, 1, 32), std::tuple(12, 3, 2, 32),
                                           std::tuple(11, 3, 2, 21), std::tuple(14, 5, 2, 16),
                                           std::tuple(7, 5, 1, 48), std::tuple(13, 5, 2, 21),
                                           std::tuple(2, 5, 1, 16), std::tuple(1, 5, 2, 16),
                                           std::tuple(1, 3, 1, 21)));

TEST(Depthwise, KeepsANan) {
  at::Tensor x = at::zeros({16, 16});
  x[0][3] = std::nanf("");
  const at::Tensor y = Depthwise(x, 1, {.in = 4, .kernel = 3, .stride = 1}, at::ones({9, 16}), {},
                                 Activation::kRelu6);
  EXPECT_TRUE(y[0][3].isnan().item<bool>());
  EXPECT_EQ(y[0][2].item<float>(), 0);
}

}  // namespace
}  // namespace attune
