// SPDX-License-Identifier: Apache-2.0
// A convolution without bias, a batch norm and an activation, forward and backward. Used by the
// compute thread only.
//
// By running statistics the norm is a scale and a shift, s · (W x) + t = (s W) x + t, so it costs
// nothing and only what comes out is stored. Its backward pass needs no more than that: with
// G = ∂L/∂(s W), the gradients are ∂L/∂W = s G and, since Σ dy (W x) over all pixels is ⟨W, G⟩,
// ∂L/∂gamma = (⟨W, G⟩ - mean · Σ dy) / √(variance + eps). By the batch's statistics what the
// convolution gives is stored as well.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/layers/batch_norm.h"
#include "worker/trainer/layers/rectifier.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

// Square images, as pixels row by row, channels side by side.
struct FeatureMap {
  at::Tensor pixels;  // [capacity of rows(), channels] (device/rows.h)
  int64_t images = 0, side = 0;

  int64_t rows() const { return images * side * side; }
};

enum class ConvolutionKind { kDense, kPointwise, kDepthwise };

struct ConvNorm {
  ConvolutionKind kind = ConvolutionKind::kPointwise;
  int64_t kernel = 1, stride = 1;  // of kPointwise 1
  Activation activation = Activation::kRelu6;
  double eps = 1e-3;
  Parameter weight;          // [out, in, kernel, kernel], or [channels, 1, kernel, kernel]
  Parameter gamma, beta;     // [out]
  Parameter mean, variance;  // running: [out], changed by forward passes alone

  std::vector<Parameter*> parameters() { return {&weight, &gamma, &beta}; }
  std::vector<Parameter*> buffers() { return {&mean, &variance}; }
  bool trains() const { return weight.trainable || gamma.trainable || beta.trainable; }
  int64_t SideAfter(int64_t side) const { return (side + stride - 1) / stride; }
};

// What the backward pass needs of the forward pass.
struct ConvNormState {
  FeatureMap input;
  FeatureMap output;
  at::Tensor matrix;  // the weights that the input was multiplied with
  // With the batch's statistics:
  at::Tensor convolved;
  Moments moments;
};

// By running statistics; nothing changes. Fills `state` where it is not null.
FeatureMap ConvNormForward(const ConvNorm& layer, const FeatureMap& x, ConvNormState* state);
// By the batch's; the running ones follow.
FeatureMap ConvNormBatchForward(ConvNorm& layer, const FeatureMap& x, ConvNormState* state);

// Adds to the gradients of what is trained. `dy` is of the layer's output and is overwritten where
// there is an activation. Returns the gradient of the input; undefined where it is not wanted,
// which it never is of kDense: that is the lowest layer of a network.
at::Tensor ConvNormBackward(ConvNorm& layer, NormStatistics statistics, const ConvNormState& state,
                            at::Tensor dy, bool want_dx);

}  // namespace attune
