// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/encoder_layer.h"

#include <numeric>

#include "worker/trainer/layers/embedding.h"

namespace attune {
namespace {

void Project(const EncoderLayer& layer, const PackedBatch& batch, const at::Tensor& x,
             LayerRows rows, const ForwardMode& mode, EncoderLayerState& state) {
  if (rows == LayerRows::kAllTokens) {
    state.offsets = batch.offsets;
    ProjectTogether(layer.attention, x, mode, state.attention);
    return;
  }
  state.offsets.resize(batch.offsets.size());
  std::iota(state.offsets.begin(), state.offsets.end(), 0);
  ProjectApart(layer.attention, GatherRows(x, batch.first_tokens()), x,
               KeyValueRows(layer.attention, x, mode), mode, state.attention);
}

}  // namespace

std::vector<Parameter*> EncoderLayer::parameters() {
  return Joined(attention.parameters(), feed_forward.parameters());
}

std::vector<AdaptedLinear*> EncoderLayer::linears() {
  return Joined(attention.linears(), feed_forward.linears());
}

at::Tensor EncoderLayerForward(const EncoderLayer& layer, const PackedBatch& batch,
                               const at::Tensor& x, LayerRows rows, const ForwardMode& mode,
                               EncoderLayerState* state) {
  EncoderLayerState scratch;
  EncoderLayerState& s = state == nullptr ? scratch : *state;
  Project(layer, batch, x, rows, mode, s);
  const at::Tensor attended = AttentionBlockForward(layer.attention, {&s.offsets, &batch.offsets},
                                                    mode, state != nullptr, s.attention);
  return FeedForwardForward(layer.feed_forward, s.offsets.back(), attended, mode,
                            state == nullptr ? nullptr : &s.feed_forward);
}

StreamGrad EncoderLayerBackward(EncoderLayer& layer, const PackedBatch& batch, LayerRows rows,
                                const ForwardMode& mode, const EncoderLayerState& state,
                                const StreamGrad& dy, bool want_dx) {
  const StreamGrad dattended =
      FeedForwardBackward(layer.feed_forward, state.offsets.back(), mode, state.feed_forward, dy);
  const AttentionBlockGrad grad =
      AttentionBlockBackward(layer.attention, {&state.offsets, &batch.offsets}, mode,
                             state.attention, dattended, {want_dx, want_dx});
  if (!want_dx) return {};
  if (rows == LayerRows::kAllTokens) return grad.x;
  at::Tensor dx = grad.m;
  AddToRows(grad.x.a, batch.first_tokens(), dx);
  AddToRows(grad.x.b, batch.first_tokens(), dx);
  return {dx, {}};
}

}  // namespace attune
