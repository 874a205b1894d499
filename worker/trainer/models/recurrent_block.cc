// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/recurrent_block.h"

namespace attune {

RecurrentBlock::RecurrentBlock(double eps, uint64_t layer_site) {
  input.has_bias = false;
  input.first_site = layer_site + kInputAdapterOffset;
  forget.first_site = layer_site + kForgetAdapterOffset;
  norm.eps = eps;
  norm.site = layer_site + kRecurrenceOffset;
}

std::vector<Parameter*> RecurrentBlock::parameters() {
  return ParametersOf(linears(), norm.parameters());
}

at::Tensor RecurrentBlockForward(const RecurrentBlock& block, const std::vector<int64_t>& offsets,
                                 const at::Tensor& x, const at::Tensor& before,
                                 const ForwardMode& mode, bool keeps, RecurrentBlockState& state) {
  state.x = x;
  state.input = LinearForward(block.input, block.input.whole(), x, mode);
  const at::Tensor gates = LinearForward(block.forget, block.forget.whole(), x, mode);
  state.ssru = Ssru(offsets, state.input, gates, before);
  return ResidualNormForward(block.norm, offsets.back(), state.ssru.output, x, mode,
                             keeps ? &state.norm : nullptr);
}

StreamGrad RecurrentBlockBackward(RecurrentBlock& block, const std::vector<int64_t>& offsets,
                                  const ForwardMode& mode, const RecurrentBlockState& state,
                                  const StreamGrad& dy, bool want_dx) {
  const int64_t rows = offsets.back();
  const NormGrad norm = ResidualNormBackward(block.norm, rows, dy, mode, state.norm);
  const SsruGrad grad = SsruBackward(offsets, state.input, state.ssru, norm.x);
  at::Tensor dx = WholeBackward(block.input, rows, grad.input, state.x, mode, want_dx);
  const at::Tensor more = WholeBackward(block.forget, rows, grad.gates, state.x, mode, want_dx);
  if (!want_dx) return {};
  return {dx.add_(more), norm.residual};
}

}  // namespace attune
