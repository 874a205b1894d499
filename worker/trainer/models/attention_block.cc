// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/attention_block.h"

#include "ATen/ops/cat.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/linear.h"

namespace attune {
namespace {

int64_t Hidden(const AttentionBlock& block) { return block.out.weight.value.size(0); }

OutputRange QueryOf(const AttentionBlock& block) { return {0, Hidden(block)}; }
OutputRange KeyValueOf(const AttentionBlock& block) { return {Hidden(block), 2 * Hidden(block)}; }

bool Together(const AttentionBlockState& state) { return state.query.is_same(state.key_value); }

AttentionInputs InputsOf(const AttentionBlock& block, const AttentionSequences& sequences,
                         const ForwardMode& mode, const AttentionBlockState& state) {
  const int64_t hidden = Hidden(block);
  const int64_t key_column = state.key_value.size(1) - 2 * hidden;
  return {.query = {state.query.narrow(1, 0, hidden), sequences.x},
          .key = {state.key_value.narrow(1, key_column, hidden), sequences.m},
          .value = {state.key_value.narrow(1, key_column + hidden, hidden), sequences.m},
          .heads = block.heads,
          .dropout = DropoutAt(mode.key, block.site, mode.rates.attention)};
}

struct ProjectionGrads {
  at::Tensor query, key_value;  // as the rows of AttentionBlockState
};

ProjectionGrads AttentionRowsBackward(const AttentionBlock& block,
                                      const AttentionSequences& sequences, const ForwardMode& mode,
                                      const AttentionBlockState& state,
                                      const at::Tensor& dcontext) {
  const int64_t hidden = Hidden(block);
  ProjectionGrads grads;
  grads.key_value = EmptyRows(sequences.m->back(), state.key_value.size(1));
  grads.query = Together(state) ? grads.key_value : EmptyRows(sequences.x->back(), hidden);
  const int64_t key_column = state.key_value.size(1) - 2 * hidden;
  AttentionBackward(InputsOf(block, sequences, mode, state), hidden / block.heads, state.attention,
                    dcontext, grads.query.narrow(1, 0, hidden),
                    grads.key_value.narrow(1, key_column, hidden),
                    grads.key_value.narrow(1, key_column + hidden, hidden));
  return grads;
}

void AccumulateApart(AdaptedLinear& qkv, const AttentionSequences& sequences, Precision precision,
                     const AttentionBlockState& state, const ProjectionGrads& grads) {
  if (!qkv.weight.trainable) return;
  const LinearGrad query =
      LinearBackwardWeights(sequences.x->back(), grads.query, state.x, precision);
  const LinearGrad key_value =
      LinearBackwardWeights(sequences.m->back(), grads.key_value, state.m, precision);
  AccumulateGrad(qkv.weight, at::cat({query.w, key_value.w}));
  AccumulateGrad(qkv.bias, at::cat({query.b, key_value.b}));
}

// Gradients of x and m by way of the projections.
AttentionBlockGrad ProjectBackward(AttentionBlock& block, const AttentionSequences& sequences,
                                   const ForwardMode& mode, const AttentionBlockState& state,
                                   const ProjectionGrads& grads, AttentionBlockWants wants) {
  if (Together(state)) {
    return {{WholeBackward(block.qkv, sequences.x->back(), grads.query, state.x, mode, wants.x)},
            {}};
  }
  AccumulateApart(block.qkv, sequences, mode.precision, state, grads);
  AttentionBlockGrad grad;
  grad.m = LinearBackward(block.qkv, KeyValueOf(block), sequences.m->back(), grads.key_value,
                          state.m, mode, wants.m);
  grad.x.a = LinearBackward(block.qkv, QueryOf(block), sequences.x->back(), grads.query, state.x,
                            mode, wants.x);
  return grad;
}

}  // namespace

AttentionBlock::AttentionBlock(int64_t heads, double eps, uint64_t layer_site)
    : heads(heads), site(layer_site + kAttentionOffset) {
  qkv.first_site = layer_site + kQueryAdapterOffset;
  out.first_site = layer_site + kOutAdapterOffset;
  norm.eps = eps;
  norm.site = layer_site + kAttentionOutputOffset;
}

std::vector<Parameter*> AttentionBlock::parameters() {
  return ParametersOf(linears(), norm.parameters());
}

void ProjectTogether(const AttentionBlock& block, const at::Tensor& x, const ForwardMode& mode,
                     AttentionBlockState& state) {
  state.x = state.m = x;
  state.query = state.key_value = LinearForward(block.qkv, block.qkv.whole(), x, mode);
}

void ProjectApart(const AttentionBlock& block, const at::Tensor& x, const at::Tensor& m,
                  const at::Tensor& key_value, const ForwardMode& mode,
                  AttentionBlockState& state) {
  state.x = x;
  state.m = m;
  state.query = LinearForward(block.qkv, QueryOf(block), x, mode);
  state.key_value = key_value;
}

at::Tensor KeyValueRows(const AttentionBlock& block, const at::Tensor& m, const ForwardMode& mode) {
  return LinearForward(block.qkv, KeyValueOf(block), m, mode);
}

at::Tensor AttentionBlockForward(const AttentionBlock& block, const AttentionSequences& sequences,
                                 const ForwardMode& mode, bool keeps, AttentionBlockState& state) {
  state.attention = Attention(InputsOf(block, sequences, mode, state), Hidden(block) / block.heads);
  const at::Tensor projected =
      LinearForward(block.out, block.out.whole(), state.attention.context, mode);
  return ResidualNormForward(block.norm, sequences.x->back(), projected, state.x, mode,
                             keeps ? &state.norm : nullptr);
}

AttentionBlockGrad AttentionBlockBackward(AttentionBlock& block,
                                          const AttentionSequences& sequences,
                                          const ForwardMode& mode, const AttentionBlockState& state,
                                          const StreamGrad& dy, AttentionBlockWants wants) {
  const int64_t rows = sequences.x->back();
  const NormGrad norm = ResidualNormBackward(block.norm, rows, dy, mode, state.norm);
  const at::Tensor dcontext =
      WholeBackward(block.out, rows, norm.x, state.attention.context, mode, true);
  const ProjectionGrads grads = AttentionRowsBackward(block, sequences, mode, state, dcontext);
  AttentionBlockGrad grad = ProjectBackward(block, sequences, mode, state, grads, wants);
  grad.x.b = norm.residual;
  return grad;
}

}  // namespace attune
