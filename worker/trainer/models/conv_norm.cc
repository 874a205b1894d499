// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/conv_norm.h"

#include "ATen/TensorOperators.h"
#include "ATen/ops/rsqrt.h"
#include "worker/trainer/device/matmul.h"
#include "worker/trainer/layers/depthwise.h"
#include "worker/trainer/layers/image_patches.h"
#include "worker/trainer/layers/linear.h"

namespace attune {
namespace {

SameWindow WindowOn(const ConvNorm& layer, int64_t side) {
  return {.in = side, .kernel = layer.kernel, .stride = layer.stride};
}

// The weights as the products below have them: [out, kernel² · in], or taps [kernel², channels].
at::Tensor MatrixOf(const ConvNorm& layer) {
  const at::Tensor& w = layer.weight.value;
  if (layer.kind == ConvolutionKind::kDepthwise) return w.view({w.size(0), -1}).t().contiguous();
  return w.permute({0, 2, 3, 1}).reshape({w.size(0), -1});
}

// The inverse, to the weight's own shape.
at::Tensor WeightOf(const ConvNorm& layer, const at::Tensor& matrix) {
  const at::Tensor& w = layer.weight.value;
  if (layer.kind == ConvolutionKind::kDepthwise) return matrix.t().contiguous().view(w.sizes());
  return matrix.view({w.size(0), w.size(2), w.size(3), w.size(1)})
      .permute({0, 3, 1, 2})
      .contiguous();
}

at::Tensor ScaledOutputs(const ConvNorm& layer, const at::Tensor& matrix, const at::Tensor& scale) {
  return layer.kind == ConvolutionKind::kDepthwise ? matrix * scale : matrix * scale.unsqueeze(1);
}

FeatureMap Convolve(const ConvNorm& layer, const FeatureMap& x, const at::Tensor& matrix,
                    const at::Tensor& bias, Activation activation) {
  const SameWindow window = WindowOn(layer, x.side);
  FeatureMap y{.images = x.images, .side = window.out()};
  if (layer.kind == ConvolutionKind::kDepthwise) {
    y.pixels = Depthwise(x.pixels, x.images, window, matrix, bias, activation);
    return y;
  }
  const at::Tensor input =
      layer.kind == ConvolutionKind::kDense ? ImagePatches(x.pixels, x.images, window) : x.pixels;
  const ActivationBounds bounds = BoundsOf(activation);
  y.pixels = activation == Activation::kNone
                 ? MatmulNT(input, matrix, bias)
                 : ClampedMatmulNT(input, matrix, bias, bounds.low, bounds.high);
  return y;
}

// Of the matrix: dy is the gradient of the convolution's result.
at::Tensor MatrixGrad(const ConvNorm& layer, const FeatureMap& x, int64_t rows,
                      const at::Tensor& dy) {
  const SameWindow window = WindowOn(layer, x.side);
  if (layer.kind == ConvolutionKind::kDepthwise) {
    return DepthwiseBackwardTaps(dy, x.pixels, x.images, window);
  }
  const at::Tensor input =
      layer.kind == ConvolutionKind::kDense ? ImagePatches(x.pixels, x.images, window) : x.pixels;
  return LinearBackwardWeights(rows, dy, input).w;
}

at::Tensor InputGrad(const ConvNorm& layer, const FeatureMap& x, const at::Tensor& dy,
                     const at::Tensor& matrix) {
  if (layer.kind == ConvolutionKind::kDepthwise) {
    return DepthwiseBackwardInput(dy, x.images, WindowOn(layer, x.side), matrix);
  }
  return LinearBackwardInput(dy, matrix);
}

void AccumulateIfTrained(Parameter& parameter, const at::Tensor& grad) {
  if (parameter.trainable) AccumulateGrad(parameter, grad);
}

// By running statistics: `dy` before the activation, `dbeta` the sums of its columns.
void AccumulateRunning(ConvNorm& layer, const ConvNormState& state, const at::Tensor& dy,
                       const at::Tensor& dbeta) {
  AccumulateIfTrained(layer.beta, dbeta);
  if (!layer.weight.trainable && !layer.gamma.trainable) return;
  const at::Tensor grad = MatrixGrad(layer, state.input, state.output.rows(), dy);
  const at::Tensor rstd = at::rsqrt(layer.variance.value + layer.eps);
  if (layer.gamma.trainable) {
    const at::Tensor product = grad * MatrixOf(layer);
    const at::Tensor sums = product.sum(layer.kind == ConvolutionKind::kDepthwise ? 0 : 1);
    AccumulateGrad(layer.gamma, rstd * (sums - layer.mean.value * dbeta));
  }
  if (layer.weight.trainable) {
    AccumulateGrad(layer.weight,
                   WeightOf(layer, ScaledOutputs(layer, grad, layer.gamma.value * rstd)));
  }
}

// By the batch's: returns the gradient of what the convolution gave.
at::Tensor AccumulateBatch(ConvNorm& layer, const ConvNormState& state, const at::Tensor& dy,
                           const at::Tensor& dbeta) {
  const int64_t rows = state.output.rows();
  const BatchNormGrad norm = BatchNormBackward(rows, dy, dbeta, state.convolved, state.moments,
                                               layer.gamma.value, layer.eps);
  AccumulateIfTrained(layer.beta, dbeta);
  AccumulateIfTrained(layer.gamma, norm.gamma);
  if (layer.weight.trainable) {
    AccumulateGrad(layer.weight, WeightOf(layer, MatrixGrad(layer, state.input, rows, norm.x)));
  }
  return norm.x;
}

}  // namespace

FeatureMap ConvNormForward(const ConvNorm& layer, const FeatureMap& x, ConvNormState* state) {
  const ChannelAffine affine = AffineOf({layer.mean.value, layer.variance.value}, layer.gamma.value,
                                        layer.beta.value, layer.eps);
  const at::Tensor matrix = ScaledOutputs(layer, MatrixOf(layer), affine.scale);
  FeatureMap y = Convolve(layer, x, matrix, affine.shift, layer.activation);
  if (state != nullptr) *state = {.input = x, .output = y, .matrix = matrix};
  return y;
}

FeatureMap ConvNormBatchForward(ConvNorm& layer, const FeatureMap& x, ConvNormState* state) {
  const at::Tensor matrix = MatrixOf(layer);
  const FeatureMap z = Convolve(layer, x, matrix, {}, Activation::kNone);
  const Moments moments = MomentsOf(z.rows(), z.pixels);
  FollowMoments(z.rows(), moments, layer.mean.value, layer.variance.value);
  FeatureMap y{.images = z.images, .side = z.side};
  y.pixels = ApplyAffine(z.rows(), z.pixels,
                         AffineOf(moments, layer.gamma.value, layer.beta.value, layer.eps),
                         layer.activation);
  if (state != nullptr) {
    *state = {.input = x, .output = y, .matrix = matrix, .convolved = z.pixels, .moments = moments};
  }
  return y;
}

at::Tensor ConvNormBackward(ConvNorm& layer, NormStatistics statistics, const ConvNormState& state,
                            at::Tensor dy, bool want_dx) {
  const bool batch = statistics == NormStatistics::kBatch;
  const bool want_sums = batch || layer.beta.trainable || layer.gamma.trainable;
  const at::Tensor dbeta =
      ActivationBackward(layer.activation, state.output.rows(), state.output.pixels, dy, want_sums);
  if (batch) {
    dy = AccumulateBatch(layer, state, dy, dbeta);
  } else {
    AccumulateRunning(layer, state, dy, dbeta);
  }
  return want_dx ? InputGrad(layer, state.input, dy, state.matrix) : at::Tensor();
}

}  // namespace attune
