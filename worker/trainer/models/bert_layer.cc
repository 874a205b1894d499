// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/bert_layer.h"

#include <numeric>

#include "ATen/ops/cat.h"
#include "ATen/ops/empty.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/embedding.h"
#include "worker/trainer/layers/gelu.h"
#include "worker/trainer/layers/linear.h"

namespace attune {
namespace {

int64_t Hidden(const BertLayer& layer) { return layer.out_weight.value.size(0); }

AttentionInputs InputsOf(const BertLayer& layer, const PackedBatch& batch,
                         const BertLayerState& state, const Dropout& dropout) {
  const int64_t hidden = Hidden(layer);
  const int64_t key_column = state.key_value.size(1) - 2 * hidden;
  return {.query = {state.query.narrow(1, 0, hidden), &state.query_offsets},
          .key = {state.key_value.narrow(1, key_column, hidden), &batch.offsets},
          .value = {state.key_value.narrow(1, key_column + hidden, hidden), &batch.offsets},
          .heads = layer.heads,
          .dropout = dropout};
}

void Project(const BertLayer& layer, const PackedBatch& batch, LayerRows rows,
             BertLayerState& state) {
  const at::Tensor &weight = layer.qkv_weight.value, &bias = layer.qkv_bias.value;
  if (rows == LayerRows::kAllTokens) {
    state.query_input = state.input;
    state.query_offsets = batch.offsets;
    state.query = state.key_value = Linear(state.input, weight, bias);
    return;
  }
  const int64_t hidden = Hidden(layer);
  state.query_input = GatherRows(state.input, batch.first_tokens());
  state.query_offsets.resize(batch.offsets.size());
  std::iota(state.query_offsets.begin(), state.query_offsets.end(), 0);
  state.query = Linear(state.query_input, weight.narrow(0, 0, hidden), bias.narrow(0, 0, hidden));
  state.key_value =
      Linear(state.input, weight.narrow(0, hidden, 2 * hidden), bias.narrow(0, hidden, 2 * hidden));
}

NormWeights AttentionNorm(const BertLayer& layer) {
  return {layer.attention_gamma.value, layer.attention_beta.value, layer.eps};
}
NormWeights OutputNorm(const BertLayer& layer) {
  return {layer.output_gamma.value, layer.output_beta.value, layer.eps};
}

void AccumulateLinear(Parameter& weight, Parameter& bias, int64_t rows, const at::Tensor& dy,
                      const at::Tensor& x) {
  const LinearGrad grad = LinearBackwardWeights(rows, dy, x);
  AccumulateGrad(weight, grad.w);
  AccumulateGrad(bias, grad.b);
}

void AccumulateNorm(Parameter& gamma, Parameter& beta, const NormGrad& grad) {
  AccumulateGrad(gamma, grad.gamma);
  AccumulateGrad(beta, grad.beta);
}

// From the gradient of `attended` up to its own: the feed-forward half.
StreamGrad FeedForwardBackward(BertLayer& layer, int64_t rows, const LayerDropout& dropout,
                               const BertLayerState& state, const StreamGrad& dy) {
  const NormGrad norm = DropoutAddNormBackward(rows, dy.a, dy.b, OutputNorm(layer),
                                               {.before = dropout.output}, state.output_norm);
  AccumulateNorm(layer.output_gamma, layer.output_beta, norm);
  AccumulateLinear(layer.down_weight, layer.down_bias, rows, norm.x, state.activated);
  at::Tensor dup = LinearBackwardInput(norm.x, layer.down_weight.value);
  GeluBackward(rows, state.up, dup);
  AccumulateLinear(layer.up_weight, layer.up_bias, rows, dup, state.attended);
  return {LinearBackwardInput(dup, layer.up_weight.value), norm.residual};
}

struct ProjectionGrads {
  at::Tensor query, key_value;  // as the rows of BertLayerState
};

ProjectionGrads AttentionRowsBackward(const BertLayer& layer, const PackedBatch& batch,
                                      LayerRows rows, const LayerDropout& dropout,
                                      const BertLayerState& state, const at::Tensor& dcontext) {
  const int64_t hidden = Hidden(layer);
  ProjectionGrads grads;
  grads.key_value = EmptyRows(batch.tokens(), state.key_value.size(1));
  grads.query =
      rows == LayerRows::kAllTokens ? grads.key_value : EmptyRows(batch.sequences(), hidden);
  const int64_t key_column = state.key_value.size(1) - 2 * hidden;
  AttentionBackward(InputsOf(layer, batch, state, dropout.attention), hidden / layer.heads,
                    state.attention, dcontext, grads.query.narrow(1, 0, hidden),
                    grads.key_value.narrow(1, key_column, hidden),
                    grads.key_value.narrow(1, key_column + hidden, hidden));
  return grads;
}

// Gradient of the layer's input by way of the projections.
at::Tensor ProjectBackward(BertLayer& layer, const PackedBatch& batch, LayerRows rows,
                           const BertLayerState& state, const ProjectionGrads& grads) {
  const at::Tensor& weight = layer.qkv_weight.value;
  if (rows == LayerRows::kAllTokens) {
    AccumulateLinear(layer.qkv_weight, layer.qkv_bias, batch.tokens(), grads.query, state.input);
    return LinearBackwardInput(grads.query, weight);
  }
  const int64_t hidden = Hidden(layer);
  const LinearGrad query = LinearBackwardWeights(batch.sequences(), grads.query, state.query_input);
  const LinearGrad key_value = LinearBackwardWeights(batch.tokens(), grads.key_value, state.input);
  AccumulateGrad(layer.qkv_weight, at::cat({query.w, key_value.w}));
  AccumulateGrad(layer.qkv_bias, at::cat({query.b, key_value.b}));
  at::Tensor dx = LinearBackwardInput(grads.key_value, weight.narrow(0, hidden, 2 * hidden));
  AddToRows(LinearBackwardInput(grads.query, weight.narrow(0, 0, hidden)), batch.first_tokens(),
            dx);
  return dx;
}

}  // namespace

std::vector<Parameter*> BertLayer::parameters() {
  return {&qkv_weight, &qkv_bias, &out_weight,  &out_bias,  &attention_gamma, &attention_beta,
          &up_weight,  &up_bias,  &down_weight, &down_bias, &output_gamma,    &output_beta};
}

at::Tensor BertLayerForward(const BertLayer& layer, const PackedBatch& batch, const at::Tensor& x,
                            LayerRows rows, const LayerDropout& dropout, BertLayerState* state) {
  BertLayerState scratch;
  BertLayerState& s = state == nullptr ? scratch : *state;
  s.input = x;
  Project(layer, batch, rows, s);
  const int64_t count = s.query_offsets.back();
  s.attention =
      Attention(InputsOf(layer, batch, s, dropout.attention), Hidden(layer) / layer.heads);
  const at::Tensor projected =
      Linear(s.attention.context, layer.out_weight.value, layer.out_bias.value);
  s.attended = DropoutAddNorm(count, projected, s.query_input, AttentionNorm(layer),
                              {.before = dropout.attention_output},
                              state == nullptr ? nullptr : &s.attention_norm);
  s.up = Linear(s.attended, layer.up_weight.value, layer.up_bias.value);
  s.activated = Gelu(count, s.up);
  const at::Tensor down = Linear(s.activated, layer.down_weight.value, layer.down_bias.value);
  return DropoutAddNorm(count, down, s.attended, OutputNorm(layer), {.before = dropout.output},
                        state == nullptr ? nullptr : &s.output_norm);
}

StreamGrad BertLayerBackward(BertLayer& layer, const PackedBatch& batch, LayerRows rows,
                             const LayerDropout& dropout, const BertLayerState& state,
                             const StreamGrad& dy) {
  const int64_t count = state.query_offsets.back();
  const StreamGrad dattended = FeedForwardBackward(layer, count, dropout, state, dy);
  const NormGrad norm =
      DropoutAddNormBackward(count, dattended.a, dattended.b, AttentionNorm(layer),
                             {.before = dropout.attention_output}, state.attention_norm);
  AccumulateNorm(layer.attention_gamma, layer.attention_beta, norm);
  AccumulateLinear(layer.out_weight, layer.out_bias, count, norm.x, state.attention.context);
  const at::Tensor dcontext = LinearBackwardInput(norm.x, layer.out_weight.value);
  const ProjectionGrads grads = AttentionRowsBackward(layer, batch, rows, dropout, state, dcontext);
  at::Tensor dx = ProjectBackward(layer, batch, rows, state, grads);
  if (rows == LayerRows::kAllTokens) return {dx, norm.residual};
  AddToRows(norm.residual, batch.first_tokens(), dx);
  return {dx, {}};
}

}  // namespace attune
