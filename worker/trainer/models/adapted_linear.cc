// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/adapted_linear.h"

#include <map>

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

// W + scale · B · A over all adapters: a copy.
at::Tensor MergedWeight(const AdaptedLinear& linear) {
  at::Tensor merged = linear.weight.value.clone();
  for (const LoraAdapter& adapter : linear.adapters) {
    merged.narrow(0, adapter.outputs.begin, adapter.outputs.rows)
        .addmm_(adapter.b.value, adapter.a.value, 1, adapter.scale);
  }
  return merged;
}

}  // namespace

std::vector<Parameter*> AdaptedLinear::parameters() {
  if (!has_bias) return {&weight};
  return {&weight, &bias};
}

std::vector<Parameter*> AdaptedLinear::adapter_parameters() {
  std::vector<Parameter*> parameters;
  for (LoraAdapter& adapter : adapters) {
    parameters.push_back(&adapter.a);
    parameters.push_back(&adapter.b);
  }
  return parameters;
}

std::vector<Parameter*> ParametersOf(const std::vector<AdaptedLinear*>& linears,
                                     const std::vector<Parameter*>& more) {
  std::vector<Parameter*> parameters;
  for (AdaptedLinear* linear : linears) parameters = Joined(parameters, linear->parameters());
  return Joined(parameters, more);
}

std::vector<Parameter*> TrainedOf(const std::vector<Parameter*>& parameters,
                                  const std::vector<AdaptedLinear*>& linears) {
  std::vector<Parameter*> trained = TrainableOf(parameters);
  for (AdaptedLinear* linear : linears) trained = Joined(trained, linear->adapter_parameters());
  return trained;
}

bool Trains(const std::vector<Parameter*>& parameters, const std::vector<AdaptedLinear*>& linears) {
  return !TrainedOf(parameters, linears).empty();
}

at::Tensor LinearForward(const AdaptedLinear& linear, OutputRange range, const at::Tensor& x,
                         const ForwardMode& mode) {
  at::Tensor bias;
  if (linear.has_bias) bias = linear.bias.value.narrow(0, range.begin, range.rows);
  at::Tensor y =
      Linear(x, linear.weight.value.narrow(0, range.begin, range.rows), bias, mode.precision);
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
  if (linear.has_bias) AccumulateGrad(linear.bias, grad.b);
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

at::Tensor WholeBackward(AdaptedLinear& linear, int64_t rows, const at::Tensor& dy,
                         const at::Tensor& x, const ForwardMode& mode, bool want_dx) {
  AccumulateWeightGrads(linear, rows, dy, x, mode);
  return LinearBackward(linear, linear.whole(), rows, dy, x, mode, want_dx);
}

std::vector<NamedTensor> MergedValuesOf(const std::vector<Parameter*>& parameters,
                                        const std::vector<AdaptedLinear*>& linears) {
  std::map<const Parameter*, at::Tensor> merged;
  for (const AdaptedLinear* linear : linears) {
    if (!linear->adapters.empty()) merged[&linear->weight] = MergedWeight(*linear);
  }
  std::vector<NamedTensor> values;
  for (const Parameter* p : parameters) {
    const auto found = merged.find(p);
    const at::Tensor& value = found == merged.end() ? p->value : found->second;
    for (const ParameterPart& part : p->parts) values.push_back({part.name, PartOf(value, part)});
  }
  return values;
}

}  // namespace attune
