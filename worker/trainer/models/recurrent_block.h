// SPDX-License-Identifier: Apache-2.0
// What a decoder layer has instead of attention to the rows before: a simpler simple recurrent
// unit (layers/ssru.h), forward and backward:
//
//   y = Norm(x + Dropout(Ssru(x Wᵀ, x Wfᵀ + bf)))
//
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/layers/ssru.h"
#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/residual_norm.h"

namespace attune {

struct RecurrentBlock {
  // Without weights; layer_site is the LayerSite of its layer.
  RecurrentBlock(double eps, uint64_t layer_site);

  AdaptedLinear input, forget;  // W, and Wf with bf
  ResidualNorm norm;

  std::vector<Parameter*> parameters();  // without adapters
  std::vector<AdaptedLinear*> linears() { return {&input, &forget}; }
};

// What the backward pass needs of the forward pass.
struct RecurrentBlockState {
  at::Tensor x, input;
  SsruRows ssru;
  NormState norm;
};

// x [capacity, hidden] are rows of sequences that begin at `offsets`; `before` as Ssru has it.
// Keeps in `state` what Backward needs where `keeps` is set; state.ssru.cells always.
at::Tensor RecurrentBlockForward(const RecurrentBlock& block, const std::vector<int64_t>& offsets,
                                 const at::Tensor& x, const at::Tensor& before,
                                 const ForwardMode& mode, bool keeps, RecurrentBlockState& state);

// Of a forward pass that began with zeros. Adds to the gradients of what is trained. The result
// means something only where `want_dx` is set.
StreamGrad RecurrentBlockBackward(RecurrentBlock& block, const std::vector<int64_t>& offsets,
                                  const ForwardMode& mode, const RecurrentBlockState& state,
                                  const StreamGrad& dy, bool want_dx);

}  // namespace attune
