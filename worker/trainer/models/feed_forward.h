// SPDX-License-Identifier: Apache-2.0
// The position-wise part of an encoder or decoder layer, forward and backward:
//
//   y = Norm(x + Dropout(Activation(x W1ᵀ + b1) W2ᵀ + b2))
//
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/residual_norm.h"

namespace attune {

enum class FeedForwardActivation { kGelu, kRelu };

struct FeedForward {
  // Without weights; layer_site is the LayerSite of its layer.
  FeedForward(FeedForwardActivation activation, double eps, uint64_t layer_site);

  FeedForwardActivation activation;
  AdaptedLinear up, down;
  ResidualNorm norm;

  std::vector<Parameter*> parameters();  // without adapters
  std::vector<AdaptedLinear*> linears() { return {&up, &down}; }
};

// What the backward pass needs of the forward pass.
struct FeedForwardState {
  at::Tensor input, up, activated;  // kRelu: the last two are one
  NormState norm;
};

// x [capacity of rows, hidden]. Fills `state` where it is not null.
at::Tensor FeedForwardForward(const FeedForward& layer, int64_t rows, const at::Tensor& x,
                              const ForwardMode& mode, FeedForwardState* state);

// Adds to the gradients of what is trained. Returns that of x.
StreamGrad FeedForwardBackward(FeedForward& layer, int64_t rows, const ForwardMode& mode,
                               const FeedForwardState& state, const StreamGrad& dy);

}  // namespace attune
