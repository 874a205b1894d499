// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/encoder_layer.h"

#include <numeric>

#include "ATen/ops/cat.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/embedding.h"
#include "worker/trainer/layers/gelu.h"
#include "worker/trainer/layers/linear.h"

namespace attune {
namespace {

int64_t Hidden(const EncoderLayer& layer) { return layer.out.weight.value.size(0); }

OutputRange QueryOf(const EncoderLayer& layer) { return {0, Hidden(layer)}; }
OutputRange KeyValueOf(const EncoderLayer& layer) { return {Hidden(layer), 2 * Hidden(layer)}; }

Dropout AttentionDropout(const EncoderLayer& layer, const ForwardMode& mode) {
  return DropoutAt(mode.key, layer.site + kAttentionOffset, mode.rates.attention);
}
NormDropout AttentionOutputDropout(const EncoderLayer& layer, const ForwardMode& mode) {
  return {.before = DropoutAt(mode.key, layer.site + kAttentionOutputOffset, mode.rates.hidden)};
}
NormDropout OutputDropout(const EncoderLayer& layer, const ForwardMode& mode) {
  return {.before = DropoutAt(mode.key, layer.site + kOutputOffset, mode.rates.hidden)};
}

AttentionInputs InputsOf(const EncoderLayer& layer, const PackedBatch& batch,
                         const EncoderLayerState& state, const ForwardMode& mode) {
  const int64_t hidden = Hidden(layer);
  const int64_t key_column = state.key_value.size(1) - 2 * hidden;
  return {.query = {state.query.narrow(1, 0, hidden), &state.query_offsets},
          .key = {state.key_value.narrow(1, key_column, hidden), &batch.offsets},
          .value = {state.key_value.narrow(1, key_column + hidden, hidden), &batch.offsets},
          .heads = layer.heads,
          .dropout = AttentionDropout(layer, mode)};
}

void Project(const EncoderLayer& layer, const PackedBatch& batch, LayerRows rows,
             const ForwardMode& mode, EncoderLayerState& state) {
  if (rows == LayerRows::kAllTokens) {
    state.query_input = state.input;
    state.query_offsets = batch.offsets;
    state.query = state.key_value = LinearForward(layer.qkv, layer.qkv.whole(), state.input, mode);
    return;
  }
  state.query_input = GatherRows(state.input, batch.first_tokens());
  state.query_offsets.resize(batch.offsets.size());
  std::iota(state.query_offsets.begin(), state.query_offsets.end(), 0);
  state.query = LinearForward(layer.qkv, QueryOf(layer), state.query_input, mode);
  state.key_value = LinearForward(layer.qkv, KeyValueOf(layer), state.input, mode);
}

NormWeights AttentionNorm(const EncoderLayer& layer) {
  return {layer.attention_gamma.value, layer.attention_beta.value, layer.eps};
}
NormWeights OutputNorm(const EncoderLayer& layer) {
  return {layer.output_gamma.value, layer.output_beta.value, layer.eps};
}

void AccumulateNorm(Parameter& gamma, Parameter& beta, const NormGrad& grad) {
  if (!gamma.trainable) return;
  AccumulateGrad(gamma, grad.gamma);
  AccumulateGrad(beta, grad.beta);
}

at::Tensor WholeBackward(AdaptedLinear& linear, int64_t rows, const at::Tensor& dy,
                         const at::Tensor& x, const ForwardMode& mode, bool want_dx) {
  AccumulateWeightGrads(linear, rows, dy, x, mode);
  return LinearBackward(linear, linear.whole(), rows, dy, x, mode, want_dx);
}

// From the gradient of y to that of `attended`: the feed-forward half.
StreamGrad FeedForwardBackward(EncoderLayer& layer, int64_t rows, const ForwardMode& mode,
                               const EncoderLayerState& state, const StreamGrad& dy) {
  const NormGrad norm = DropoutAddNormBackward(rows, dy.a, dy.b, OutputNorm(layer),
                                               OutputDropout(layer, mode), state.output_norm);
  AccumulateNorm(layer.output_gamma, layer.output_beta, norm);
  at::Tensor dup = WholeBackward(layer.down, rows, norm.x, state.activated, mode, true);
  GeluBackward(rows, state.up, dup);
  return {WholeBackward(layer.up, rows, dup, state.attended, mode, true), norm.residual};
}

struct ProjectionGrads {
  at::Tensor query, key_value;  // as the rows of EncoderLayerState
};

ProjectionGrads AttentionRowsBackward(const EncoderLayer& layer, const PackedBatch& batch,
                                      LayerRows rows, const ForwardMode& mode,
                                      const EncoderLayerState& state, const at::Tensor& dcontext) {
  const int64_t hidden = Hidden(layer);
  ProjectionGrads grads;
  grads.key_value = EmptyRows(batch.tokens(), state.key_value.size(1));
  grads.query =
      rows == LayerRows::kAllTokens ? grads.key_value : EmptyRows(batch.sequences(), hidden);
  const int64_t key_column = state.key_value.size(1) - 2 * hidden;
  AttentionBackward(InputsOf(layer, batch, state, mode), hidden / layer.heads, state.attention,
                    dcontext, grads.query.narrow(1, 0, hidden),
                    grads.key_value.narrow(1, key_column, hidden),
                    grads.key_value.narrow(1, key_column + hidden, hidden));
  return grads;
}

void AccumulateSplitProjection(AdaptedLinear& qkv, const PackedBatch& batch, Precision precision,
                               const EncoderLayerState& state, const ProjectionGrads& grads) {
  if (!qkv.weight.trainable) return;
  const LinearGrad query =
      LinearBackwardWeights(batch.sequences(), grads.query, state.query_input, precision);
  const LinearGrad key_value =
      LinearBackwardWeights(batch.tokens(), grads.key_value, state.input, precision);
  AccumulateGrad(qkv.weight, at::cat({query.w, key_value.w}));
  AccumulateGrad(qkv.bias, at::cat({query.b, key_value.b}));
}

// Gradient of the layer's input by way of the projections.
at::Tensor ProjectBackward(EncoderLayer& layer, const PackedBatch& batch, LayerRows rows,
                           const ForwardMode& mode, const EncoderLayerState& state,
                           const ProjectionGrads& grads, bool want_dx) {
  if (rows == LayerRows::kAllTokens) {
    return WholeBackward(layer.qkv, batch.tokens(), grads.query, state.input, mode, want_dx);
  }
  AccumulateSplitProjection(layer.qkv, batch, mode.precision, state, grads);
  at::Tensor dx = LinearBackward(layer.qkv, KeyValueOf(layer), batch.tokens(), grads.key_value,
                                 state.input, mode, want_dx);
  const at::Tensor dquery_input = LinearBackward(layer.qkv, QueryOf(layer), batch.sequences(),
                                                 grads.query, state.query_input, mode, want_dx);
  if (want_dx) AddToRows(dquery_input, batch.first_tokens(), dx);
  return dx;
}

}  // namespace

std::vector<Parameter*> EncoderLayer::parameters() {
  return {&qkv.weight, &qkv.bias, &out.weight,  &out.bias,  &attention_gamma, &attention_beta,
          &up.weight,  &up.bias,  &down.weight, &down.bias, &output_gamma,    &output_beta};
}

at::Tensor EncoderLayerForward(const EncoderLayer& layer, const PackedBatch& batch,
                               const at::Tensor& x, LayerRows rows, const ForwardMode& mode,
                               EncoderLayerState* state) {
  EncoderLayerState scratch;
  EncoderLayerState& s = state == nullptr ? scratch : *state;
  s.input = x;
  Project(layer, batch, rows, mode, s);
  const int64_t count = s.query_offsets.back();
  s.attention = Attention(InputsOf(layer, batch, s, mode), Hidden(layer) / layer.heads);
  const at::Tensor projected =
      LinearForward(layer.out, layer.out.whole(), s.attention.context, mode);
  s.attended = DropoutAddNorm(count, projected, s.query_input, AttentionNorm(layer),
                              AttentionOutputDropout(layer, mode),
                              state == nullptr ? nullptr : &s.attention_norm);
  s.up = LinearForward(layer.up, layer.up.whole(), s.attended, mode);
  s.activated = Gelu(count, s.up);
  const at::Tensor down = LinearForward(layer.down, layer.down.whole(), s.activated, mode);
  return DropoutAddNorm(count, down, s.attended, OutputNorm(layer), OutputDropout(layer, mode),
                        state == nullptr ? nullptr : &s.output_norm);
}

StreamGrad EncoderLayerBackward(EncoderLayer& layer, const PackedBatch& batch, LayerRows rows,
                                const ForwardMode& mode, const EncoderLayerState& state,
                                const StreamGrad& dy, bool want_dx) {
  const int64_t count = state.query_offsets.back();
  const StreamGrad dattended = FeedForwardBackward(layer, count, mode, state, dy);
  const NormGrad norm =
      DropoutAddNormBackward(count, dattended.a, dattended.b, AttentionNorm(layer),
                             AttentionOutputDropout(layer, mode), state.attention_norm);
  AccumulateNorm(layer.attention_gamma, layer.attention_beta, norm);
  const at::Tensor dcontext =
      WholeBackward(layer.out, count, norm.x, state.attention.context, mode, true);
  const ProjectionGrads grads = AttentionRowsBackward(layer, batch, rows, mode, state, dcontext);
  at::Tensor dx = ProjectBackward(layer, batch, rows, mode, state, grads, want_dx);
  if (!want_dx) return {};
  if (rows == LayerRows::kAllTokens) return {dx, norm.residual};
  AddToRows(norm.residual, batch.first_tokens(), dx);
  return {dx, {}};
}

}  // namespace attune
