// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/feed_forward.h"

#include "worker/trainer/layers/gelu.h"
#include "worker/trainer/layers/rectifier.h"

namespace attune {
namespace {

at::Tensor Activate(const FeedForward& layer, int64_t rows, at::Tensor& up) {
  return layer.activation == FeedForwardActivation::kGelu ? Gelu(rows, up) : up.relu_();
}

void ActivateBackward(const FeedForward& layer, int64_t rows, const FeedForwardState& state,
                      at::Tensor& dy) {
  if (layer.activation == FeedForwardActivation::kGelu) {
    GeluBackward(rows, state.up, dy);
  } else {
    ActivationBackward(Activation::kRelu, rows, state.activated, dy, /*want_sums=*/false);
  }
}

}  // namespace

FeedForward::FeedForward(FeedForwardActivation activation, double eps, uint64_t layer_site)
    : activation(activation) {
  up.first_site = layer_site + kUpAdapterOffset;
  down.first_site = layer_site + kDownAdapterOffset;
  norm.eps = eps;
  norm.site = layer_site + kOutputOffset;
}

std::vector<Parameter*> FeedForward::parameters() {
  return ParametersOf(linears(), norm.parameters());
}

at::Tensor FeedForwardForward(const FeedForward& layer, int64_t rows, const at::Tensor& x,
                              const ForwardMode& mode, FeedForwardState* state) {
  at::Tensor up = LinearForward(layer.up, layer.up.whole(), x, mode);
  const at::Tensor activated = Activate(layer, rows, up);
  if (state != nullptr) {
    state->input = x;
    state->up = up;
    state->activated = activated;
  }
  const at::Tensor down = LinearForward(layer.down, layer.down.whole(), activated, mode);
  return ResidualNormForward(layer.norm, rows, down, x, mode,
                             state == nullptr ? nullptr : &state->norm);
}

StreamGrad FeedForwardBackward(FeedForward& layer, int64_t rows, const ForwardMode& mode,
                               const FeedForwardState& state, const StreamGrad& dy) {
  const NormGrad norm = ResidualNormBackward(layer.norm, rows, dy, mode, state.norm);
  at::Tensor dup = WholeBackward(layer.down, rows, norm.x, state.activated, mode, true);
  ActivateBackward(layer, rows, state, dup);
  return {WholeBackward(layer.up, rows, dup, state.input, mode, true), norm.residual};
}

}  // namespace attune
