// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/image_patches.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

// An even side is padded right and below only, an odd one on all sides.
TEST(ImagePatches, TimesWeightsAreAConvolution) {
  at::manual_seed(6);
  for (const int64_t side : {9, 16}) {
    const SameWindow window{.in = side, .kernel = 3, .stride = 2};
    const int64_t out = window.out(), before = side % 2, after = 1;
    EXPECT_EQ(window.before(), before);
    const at::Tensor images = at::randn({2, 3, side, side});
    const at::Tensor weight = at::randn({4, 3, 3, 3});
    const at::Tensor patches =
        ImagePatches(images.permute({0, 2, 3, 1}).contiguous().view({-1, 3}), 2, window);
    const at::Tensor y = at::mm(patches.narrow(0, 0, 2 * out * out),
                                weight.permute({0, 2, 3, 1}).reshape({4, 27}).t());
    const at::Tensor expected =
        at::conv2d(at::constant_pad_nd(images, {before, after, before, after}, 0), weight, {}, 2);
    EXPECT_LT((y.view({2, out, out, 4}).permute({0, 3, 1, 2}) - expected).abs().max().item<float>(),
              1e-5);
  }
}

}  // namespace
}  // namespace attune
