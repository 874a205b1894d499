// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/adapted_linear.h"

#include "worker/trainer/layers/linear.h"

namespace attune {
namespace {

bool Inside(const OutputRange& inner, const OutputRange& outer) {
  return inner.begin >= outer.begin && inner.begin + inner.rows <= outer.begin + outer.rows;
}

LowRank LowRankOf(const LoraAdapter& adapter, const ForwardMode& mode) {
  return {.a = adapter.a.value,
          .b = adapter.b.value,
          .scale = adapter.scale,
          .dropout = AdapterDropout(mode, adapter.site)};
}

// The adapter's columns of a matrix over the outputs `range`.
at::Tensor ColumnsOf(const LoraAdapter& adapter, OutputRange range, const at::Tensor& outputs) {
  return outputs.narrow(1, adapter.outputs.begin - range.begin, adapter.outputs.rows);
}

}  // namespace

std::vector<Parameter*> AdaptedLinear::adapter_parameters() {
  std::vector<Parameter*> parameters;
  for (LoraAdapter& adapter : adapters) {
    parameters.push_back(&adapter.a);
    parameters.push_back(&adapter.b);
  }
  return parameters;
}

at::Tensor LinearForward(const AdaptedLinear& linear, OutputRange range, const at::Tensor& x,
                         const ForwardMode& mode) {
  at::Tensor y = Linear(x, linear.weight.value.narrow(0, range.begin, range.rows),
                        linear.bias.value.narrow(0, range.begin, range.rows), mode.precision);
  for (const LoraAdapter& adapter : linear.adapters) {
    if (!Inside(adapter.outputs, range)) continue;
    AddLowRank(LowRankOf(adapter, mode), x, ColumnsOf(adapter, range, y));
  }
  return y;
}

void AccumulateWeightGrads(AdaptedLinear& linear, int64_t rows, const at::Tensor& dy,
                           const at::Tensor& x, const ForwardMode& mode) {
  if (!linear.weight.trainable) return;
  const LinearGrad grad = LinearBackwardWeights(rows, dy, x, mode.precision);
  AccumulateGrad(linear.weight, grad.w);
  AccumulateGrad(linear.bias, grad.b);
}

at::Tensor LinearBackward(AdaptedLinear& linear, OutputRange range, int64_t rows,
                          const at::Tensor& dy, const at::Tensor& x, const ForwardMode& mode,
                          bool want_dx) {
  at::Tensor dx;
  if (want_dx) {
    dx = LinearBackwardInput(dy, linear.weight.value.narrow(0, range.begin, range.rows),
                             mode.precision);
  }
  for (LoraAdapter& adapter : linear.adapters) {
    if (!Inside(adapter.outputs, range)) continue;
    const LowRankGrad grad =
        LowRankBackward(LowRankOf(adapter, mode), rows, ColumnsOf(adapter, range, dy), x, dx);
    AccumulateGrad(adapter.a, grad.a);
    AccumulateGrad(adapter.b, grad.b);
  }
  return dx;
}

at::Tensor MergedWeight(const AdaptedLinear& linear) {
  at::Tensor merged = linear.weight.value.clone();
  for (const LoraAdapter& adapter : linear.adapters) {
    merged.narrow(0, adapter.outputs.begin, adapter.outputs.rows)
        .addmm_(adapter.b.value, adapter.a.value, 1, adapter.scale);
  }
  return merged;
}

}  // namespace attune
