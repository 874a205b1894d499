// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/ssru.h"

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

using simd::kLanes;
using simd::LoadSome;
using simd::Splat;
using simd::StoreSome;
using simd::Vec;

constexpr int64_t kScanGrain = 32;  // scans, each over sixteen columns of one sequence

struct ForwardArgs {
  const float *input, *gates, *before;
  float *forget, *cells, *output;
  const int64_t* offsets;
  int64_t width, vectors;
};

struct BackwardArgs {
  const float *input, *forget, *cells, *dy;
  float *dinput, *dgates;
  const int64_t* offsets;
  int64_t width, vectors;
};

ATTUNE_INLINE Vec Logistic(Vec x) {
  const Vec e = simd::Exp(x < 0.0f ? x : -x);  // at most 1
  return (x < 0.0f ? e : Splat(1)) / (e + 1.0f);
}

ATTUNE_INLINE void ForwardScan(const ForwardArgs& a, int64_t sequence, int64_t column) {
  const int64_t left = a.width - column;
  Vec cell = {};
  if (a.before != nullptr) cell = LoadSome(a.before + sequence * a.width + column, left);
  for (int64_t row = a.offsets[sequence]; row < a.offsets[sequence + 1]; ++row) {
    const int64_t at = row * a.width + column;
    const Vec forget = Logistic(LoadSome(a.gates + at, left));
    cell = forget * cell + (1.0f - forget) * LoadSome(a.input + at, left);
    StoreSome(a.forget + at, forget, left);
    StoreSome(a.cells + at, cell, left);
    StoreSome(a.output + at, simd::Max(cell, Vec{}), left);
  }
}

ATTUNE_SIMD void ForwardScans(const ForwardArgs& a, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) ForwardScan(a, i / a.vectors, i % a.vectors * kLanes);
}

ATTUNE_INLINE void BackwardScan(const BackwardArgs& a, int64_t sequence, int64_t column) {
  const int64_t left = a.width - column, first = a.offsets[sequence];
  Vec carried = {};  // the gradient of c_t by way of c_(t+1)
  for (int64_t row = a.offsets[sequence + 1] - 1; row >= first; --row) {
    const int64_t at = row * a.width + column;
    const Vec forget = LoadSome(a.forget + at, left), kept = 1.0f - forget;
    const Vec cell = LoadSome(a.cells + at, left);
    const Vec dcell = (cell > 0.0f ? LoadSome(a.dy + at, left) : Vec{}) + carried;
    const Vec previous = row > first ? LoadSome(a.cells + at - a.width, left) : Vec{};
    const Vec slope = (previous - LoadSome(a.input + at, left)) * forget * kept;
    StoreSome(a.dinput + at, dcell * kept, left);
    StoreSome(a.dgates + at, dcell * slope, left);
    carried = dcell * forget;
  }
}

ATTUNE_SIMD void BackwardScans(const BackwardArgs& a, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) BackwardScan(a, i / a.vectors, i % a.vectors * kLanes);
}

int64_t VectorsOf(int64_t width) { return (width + kLanes - 1) / kLanes; }

}  // namespace

SsruRows Ssru(const std::vector<int64_t>& offsets, const at::Tensor& input, const at::Tensor& gates,
              const at::Tensor& before) {
  const int64_t rows = offsets.back(), width = input.size(1);
  const SsruRows result{EmptyRows(rows, width), EmptyRows(rows, width), EmptyRows(rows, width)};
  const ForwardArgs args{.input = input.const_data_ptr<float>(),
                         .gates = gates.const_data_ptr<float>(),
                         .before = before.defined() ? before.const_data_ptr<float>() : nullptr,
                         .forget = result.forget.data_ptr<float>(),
                         .cells = result.cells.data_ptr<float>(),
                         .output = result.output.data_ptr<float>(),
                         .offsets = offsets.data(),
                         .width = width,
                         .vectors = VectorsOf(width)};
  const auto sequences = static_cast<int64_t>(offsets.size()) - 1;
  ParallelFor(0, sequences * args.vectors, kScanGrain,
              [&](int64_t begin, int64_t end) { ForwardScans(args, begin, end); });
  return result;
}

SsruGrad SsruBackward(const std::vector<int64_t>& offsets, const at::Tensor& input,
                      const SsruRows& rows, const at::Tensor& dy) {
  const int64_t width = input.size(1);
  const SsruGrad grad{EmptyRows(offsets.back(), width), EmptyRows(offsets.back(), width)};
  const BackwardArgs args{.input = input.const_data_ptr<float>(),
                          .forget = rows.forget.const_data_ptr<float>(),
                          .cells = rows.cells.const_data_ptr<float>(),
                          .dy = dy.const_data_ptr<float>(),
                          .dinput = grad.input.data_ptr<float>(),
                          .dgates = grad.gates.data_ptr<float>(),
                          .offsets = offsets.data(),
                          .width = width,
                          .vectors = VectorsOf(width)};
  const auto sequences = static_cast<int64_t>(offsets.size()) - 1;
  ParallelFor(0, sequences * args.vectors, kScanGrain,
              [&](int64_t begin, int64_t end) { BackwardScans(args, begin, end); });
  return grad;
}

}  // namespace attune
