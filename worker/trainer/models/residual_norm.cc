// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/residual_norm.h"

namespace attune {
namespace {

NormWeights WeightsOf(const ResidualNorm& norm) {
  return {norm.gamma.value, norm.beta.value, norm.eps};
}

NormDropout DropoutOf(const ResidualNorm& norm, const ForwardMode& mode) {
  return {.before = DropoutAt(mode.key, norm.site, mode.rates.hidden)};
}

}  // namespace

at::Tensor ResidualNormForward(const ResidualNorm& norm, int64_t rows, const at::Tensor& x,
                               const at::Tensor& residual, const ForwardMode& mode,
                               NormState* state) {
  return DropoutAddNorm(rows, x, residual, WeightsOf(norm), DropoutOf(norm, mode), state);
}

NormGrad ResidualNormBackward(ResidualNorm& norm, int64_t rows, const StreamGrad& dy,
                              const ForwardMode& mode, const NormState& state) {
  const NormGrad grad =
      DropoutAddNormBackward(rows, dy.a, dy.b, WeightsOf(norm), DropoutOf(norm, mode), state);
  if (norm.gamma.trainable) {
    AccumulateGrad(norm.gamma, grad.gamma);
    AccumulateGrad(norm.beta, grad.beta);
  }
  return grad;
}

}  // namespace attune
