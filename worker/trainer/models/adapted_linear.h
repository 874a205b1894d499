// SPDX-License-Identifier: Apache-2.0
// A linear layer of a model, y = x Wᵀ + b, whose weights may be frozen and which may carry low-rank
// adapters, each on a range of its outputs. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/trainer/layers/low_rank.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/parameter.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

// A range of a linear layer's outputs, which are rows of its weight.
struct OutputRange {
  int64_t begin = 0, rows = 0;
};

struct LoraAdapter {
  std::string module;  // the full name of what it adapts: "bert.encoder.layer.0.output.dense"
  OutputRange outputs;
  uint64_t site = 0;
  double scale = 1;
  Parameter a, b;  // [rank, in], [outputs.rows, rank]
};

struct AdaptedLinear {
  Parameter weight, bias;
  bool has_bias = true;  // false: `bias` is nothing
  std::vector<LoraAdapter> adapters;
  uint64_t first_site = 0;  // of the adapter of its first part; then one a part

  OutputRange whole() const { return {0, weight.value.size(0)}; }
  bool trains() const { return weight.trainable || !adapters.empty(); }
  std::vector<Parameter*> parameters();  // without adapters
  std::vector<Parameter*> adapter_parameters();
};

template <typename T>
std::vector<T> Joined(std::vector<T> first, const std::vector<T>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// Of these layers, without adapters, then `more`.
std::vector<Parameter*> ParametersOf(const std::vector<AdaptedLinear*>& linears,
                                     const std::vector<Parameter*>& more);
// Those of a model's parameters that are trained, then the adapters of its linear layers.
std::vector<Parameter*> TrainedOf(const std::vector<Parameter*>& parameters,
                                  const std::vector<AdaptedLinear*>& linears);

// Whether any of them is.
bool Trains(const std::vector<Parameter*>& parameters, const std::vector<AdaptedLinear*>& linears);

// Outputs `range` for x [capacity, in]: [capacity, range.rows]. An adapter lies inside the range or
// outside of it; its own products are fp32 always.
at::Tensor LinearForward(const AdaptedLinear& linear, OutputRange range, const at::Tensor& x,
                         const ForwardMode& mode);

// Adds to the gradients of weight and bias, if they are trained. dy is of all outputs; its first
// `rows` rows count.
void AccumulateWeightGrads(AdaptedLinear& linear, int64_t rows, const at::Tensor& dy,
                           const at::Tensor& x, const ForwardMode& mode);

// Adds to the gradients of the adapters inside the range, of whose outputs dy is the gradient.
// Returns that of x; undefined where it is not wanted.
at::Tensor LinearBackward(AdaptedLinear& linear, OutputRange range, int64_t rows,
                          const at::Tensor& dy, const at::Tensor& x, const ForwardMode& mode,
                          bool want_dx);

// Both, with all outputs as the range.
at::Tensor WholeBackward(AdaptedLinear& linear, int64_t rows, const at::Tensor& dy,
                         const at::Tensor& x, const ForwardMode& mode, bool want_dx);

// A model's parameters part by part, each adapter added to what it adapts. Views, but for those.
std::vector<NamedTensor> MergedValuesOf(const std::vector<Parameter*>& parameters,
                                        const std::vector<AdaptedLinear*>& linears);

}  // namespace attune
