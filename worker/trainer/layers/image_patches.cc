// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/image_patches.h"

#include <algorithm>

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"

namespace attune {
namespace {

struct PatchArgs {
  const float* x;
  float* patches;
  SameWindow window;
  int64_t channels;
};

// Row `ky` of the window whose top left pixel is (top, left).
void CopyWindowRow(const PatchArgs& a, const float* image, int64_t y, int64_t left, float* out) {
  const int64_t in = a.window.in, kernel = a.window.kernel;
  if (y < 0 || y >= in) {
    std::fill_n(out, kernel * a.channels, 0.0f);
    return;
  }
  const int64_t first = std::clamp<int64_t>(-left, 0, kernel);
  const int64_t last = std::clamp<int64_t>(in - left, first, kernel);
  std::fill_n(out, first * a.channels, 0.0f);
  std::copy_n(image + (y * in + left + first) * a.channels, (last - first) * a.channels,
              out + first * a.channels);
  std::fill_n(out + last * a.channels, (kernel - last) * a.channels, 0.0f);
}

// Output rows [begin, end), counted over all images.
void CopyPatches(const PatchArgs& a, int64_t begin, int64_t end) {
  const SameWindow& w = a.window;
  const int64_t out = w.out(), before = w.before(), row_size = w.kernel * a.channels;
  float* patch = a.patches + begin * out * w.kernel * row_size;
  for (int64_t row = begin; row < end; ++row) {
    const float* image = a.x + row / out * w.in * w.in * a.channels;
    const int64_t top = row % out * w.stride - before;
    for (int64_t x = 0; x < out; ++x) {
      for (int64_t ky = 0; ky < w.kernel; ++ky, patch += row_size) {
        CopyWindowRow(a, image, top + ky, x * w.stride - before, patch);
      }
    }
  }
}

}  // namespace

at::Tensor ImagePatches(const at::Tensor& x, int64_t images, const SameWindow& window) {
  const int64_t out = window.out();
  at::Tensor patches = EmptyRows(images * out * out, window.kernel * window.kernel * x.size(1));
  const PatchArgs args{.x = x.const_data_ptr<float>(),
                       .patches = patches.mutable_data_ptr<float>(),
                       .window = window,
                       .channels = x.size(1)};
  ParallelFor(0, images * out, 1, [&](int64_t b, int64_t e) { CopyPatches(args, b, e); });
  return patches;
}

}  // namespace attune
