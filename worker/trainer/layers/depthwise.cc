// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/depthwise.h"

#include <vector>

#include "ATen/ops/zeros.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

using simd::kLanes;
using simd::LoadSome;
using simd::StoreSome;
using simd::Vec;

// What one position on a side of the result is a sum of: source positions, each by a tap.
struct Terms {
  int64_t count = 0;
  int64_t source[kMaxDepthwiseKernel], tap[kMaxDepthwiseKernel];
};

// Positions first, first + step, …: the same taps, sources `source_step` further each time.
struct Run {
  Terms terms;  // of the first
  int64_t first = 0, step = 1, count = 1, source_step = 1;
};

Terms ForwardTerms(const SameWindow& w, int64_t out) {
  Terms terms;
  for (int64_t tap = 0; tap < w.kernel; ++tap) {
    const int64_t in = out * w.stride - w.before() + tap;
    if (in < 0 || in >= w.in) continue;
    terms.source[terms.count] = in;
    terms.tap[terms.count++] = tap;
  }
  return terms;
}

Terms BackwardTerms(const SameWindow& w, int64_t in) {
  Terms terms;
  for (int64_t tap = 0; tap < w.kernel; ++tap) {
    const int64_t reach = in + w.before() - tap;
    if (reach < 0 || reach % w.stride != 0 || reach / w.stride >= w.out()) continue;
    terms.source[terms.count] = reach / w.stride;
    terms.tap[terms.count++] = tap;
  }
  return terms;
}

bool Continues(const Run& run, const Terms& next) {
  bool same = next.count == run.terms.count;
  for (int64_t i = 0; same && i < next.count; ++i) {
    same = next.tap[i] == run.terms.tap[i] &&
           next.source[i] == run.terms.source[i] + run.count * run.source_step;
  }
  return same;
}

// How the result is computed from the source, the same on both sides of the square.
struct Plan {
  int64_t result = 0, source = 0, kernel = 0;  // pixels of a side, taps of a side
  std::vector<Terms> terms;                    // by position
  std::vector<Run> runs;                       // of all positions
};

Plan PlanOf(const SameWindow& w, bool forward) {
  Plan plan{
      .result = forward ? w.out() : w.in, .source = forward ? w.in : w.out(), .kernel = w.kernel};
  for (int64_t i = 0; i < plan.result; ++i) {
    plan.terms.push_back(forward ? ForwardTerms(w, i) : BackwardTerms(w, i));
  }
  const int64_t step = forward ? 1 : w.stride;
  for (int64_t phase = 0; phase < step; ++phase) {
    bool begun = false;
    for (int64_t i = phase; i < plan.result; i += step) {
      const Terms& terms = plan.terms[static_cast<size_t>(i)];
      if (begun && Continues(plan.runs.back(), terms)) {
        ++plan.runs.back().count;
      } else {
        plan.runs.push_back({terms, i, step, 1, forward ? w.stride : 1});
        begun = true;
      }
    }
  }
  return plan;
}

struct GatherArgs {
  const float *x, *taps, *bias;  // bias may be null
  float* y;
  int64_t channels;
  ActivationBounds bounds;
  const Plan* plan;
};

// kPixels pixels of a run, from its pixel `at` on, in sixteen channels from `c` on.
template <int kPixels>
ATTUNE_INLINE void Pixels(const GatherArgs& a, const float* image, const Terms& rows,
                          const Run& run, int64_t at, int64_t c, float* y) {
  const int64_t left = a.channels - c;
  const int64_t shift = run.source_step * a.channels;
  Vec sum[kPixels];
  for (Vec& s : sum) s = a.bias == nullptr ? Vec{} : LoadSome(a.bias + c, left);
  for (int64_t i = 0; i < rows.count; ++i) {
    const float* row = image + rows.source[i] * a.plan->source * a.channels + at * shift + c;
    const float* taps = a.taps + rows.tap[i] * a.plan->kernel * a.channels + c;
    for (int64_t j = 0; j < run.terms.count; ++j) {
      const Vec tap = LoadSome(taps + run.terms.tap[j] * a.channels, left);
      const float* x = row + run.terms.source[j] * a.channels;
      for (int p = 0; p < kPixels; ++p) sum[p] += LoadSome(x + p * shift, left) * tap;
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    Vec v = sum[p] < a.bounds.low ? simd::Splat(a.bounds.low) : sum[p];  // a NaN stays one
    v = v > a.bounds.high ? simd::Splat(a.bounds.high) : v;
    StoreSome(y + (run.first + (at + p) * run.step) * a.channels + c, v, left);
  }
}

template <int kPixels>
ATTUNE_INLINE void Channels(const GatherArgs& a, const float* image, const Terms& rows,
                            const Run& run, int64_t at, float* y) {
  for (int64_t c = 0; c < a.channels; c += kLanes) {
    Pixels<kPixels>(a, image, rows, run, at, c, y);
  }
}

// Rows [begin, end) of the result, counted over all images.
ATTUNE_SIMD void GatherRows(const GatherArgs& a, int64_t begin, int64_t end) {
  const Plan& plan = *a.plan;
  for (int64_t row = begin; row < end; ++row) {
    const float* image = a.x + row / plan.result * plan.source * plan.source * a.channels;
    const Terms& rows = plan.terms[static_cast<size_t>(row % plan.result)];
    float* y = a.y + row * plan.result * a.channels;
    for (const Run& run : plan.runs) {
      int64_t at = 0;
      for (; at + 4 <= run.count; at += 4) Channels<4>(a, image, rows, run, at, y);
      for (; at < run.count; ++at) Channels<1>(a, image, rows, run, at, y);
    }
  }
}

at::Tensor Gather(const at::Tensor& x, int64_t images, const Plan& plan, const at::Tensor& taps,
                  const at::Tensor& bias, Activation activation) {
  at::Tensor y = EmptyRows(images * plan.result * plan.result, x.size(1));
  const GatherArgs args{.x = x.const_data_ptr<float>(),
                        .taps = taps.const_data_ptr<float>(),
                        .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                        .y = y.mutable_data_ptr<float>(),
                        .channels = x.size(1),
                        .bounds = BoundsOf(activation),
                        .plan = &plan};
  ParallelFor(0, images * plan.result, 1, [&](int64_t b, int64_t e) { GatherRows(args, b, e); });
  return y;
}

struct TapArgs {
  const float *dy, *x;
  float* partial;  // [images, kernel², channels], zeros
  int64_t channels;
  const Plan* plan;  // of the forward pass
};

constexpr int64_t kGroup = 4 * kLanes;  // channels that one thread takes of one image

// Σ dy · x along a run, whose pixels' steps are dy_step and x_step.
ATTUNE_INLINE Vec RunProduct(const float* dy, int64_t dy_step, const float* x, int64_t x_step,
                             int64_t count, int64_t left) {
  Vec sum[4] = {};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int64_t p = 0; p < 4; ++p) {
      sum[p] += LoadSome(dy + (i + p) * dy_step, left) * LoadSome(x + (i + p) * x_step, left);
    }
  }
  for (; i < count; ++i)
    sum[0] += LoadSome(dy + i * dy_step, left) * LoadSome(x + i * x_step, left);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// One output row's share in the gradient of the taps, in sixteen channels.
ATTUNE_INLINE void TapRow(const TapArgs& a, const float* dy, const float* image, const Terms& rows,
                          float* taps, int64_t left) {
  const Plan& plan = *a.plan;
  for (int64_t i = 0; i < rows.count; ++i) {
    const float* x = image + rows.source[i] * plan.source * a.channels;
    for (const Run& run : plan.runs) {
      for (int64_t j = 0; j < run.terms.count; ++j) {
        float* tap = taps + (rows.tap[i] * plan.kernel + run.terms.tap[j]) * a.channels;
        const Vec sum = RunProduct(dy + run.first * a.channels, run.step * a.channels,
                                   x + run.terms.source[j] * a.channels,
                                   run.source_step * a.channels, run.count, left);
        StoreSome(tap, LoadSome(tap, left) + sum, left);
      }
    }
  }
}

// Items [begin, end) of images times groups of channels.
ATTUNE_SIMD void TapItems(const TapArgs& a, int64_t begin, int64_t end) {
  const Plan& plan = *a.plan;
  const int64_t groups = (a.channels + kGroup - 1) / kGroup;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t n = item / groups, first = item % groups * kGroup;
    const int64_t last = std::min(a.channels, first + kGroup);
    const float* image = a.x + n * plan.source * plan.source * a.channels;
    const float* dy = a.dy + n * plan.result * plan.result * a.channels;
    float* taps = a.partial + n * plan.kernel * plan.kernel * a.channels;
    for (int64_t row = 0; row < plan.result; ++row) {
      for (int64_t c = first; c < last; c += kLanes) {
        TapRow(a, dy + row * plan.result * a.channels + c, image + c,
               plan.terms[static_cast<size_t>(row)], taps + c, a.channels - c);
      }
    }
  }
}

}  // namespace

at::Tensor Depthwise(const at::Tensor& x, int64_t images, const SameWindow& window,
                     const at::Tensor& taps, const at::Tensor& bias, Activation activation) {
  return Gather(x, images, PlanOf(window, true), taps, bias, activation);
}

at::Tensor DepthwiseBackwardInput(const at::Tensor& dy, int64_t images, const SameWindow& window,
                                  const at::Tensor& taps) {
  return Gather(dy, images, PlanOf(window, false), taps, {}, Activation::kNone);
}

at::Tensor DepthwiseBackwardTaps(const at::Tensor& dy, const at::Tensor& x, int64_t images,
                                 const SameWindow& window) {
  const Plan plan = PlanOf(window, true);
  const int64_t channels = x.size(1);
  at::Tensor partial = at::zeros({images, window.kernel * window.kernel, channels}, at::kFloat);
  const TapArgs args{.dy = dy.const_data_ptr<float>(),
                     .x = x.const_data_ptr<float>(),
                     .partial = partial.mutable_data_ptr<float>(),
                     .channels = channels,
                     .plan = &plan};
  const int64_t items = images * ((channels + kGroup - 1) / kGroup);
  ParallelFor(0, items, 1, [&](int64_t b, int64_t e) { TapItems(args, b, e); });
  return partial.sum(0);
}

}  // namespace attune
