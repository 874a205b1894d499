// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/decoder_layer.h"

#include <numeric>

namespace attune {

std::vector<Parameter*> DecoderLayer::parameters() {
  return Joined(recurrence.parameters(), Joined(attention.parameters(), feed_forward.parameters()));
}

std::vector<AdaptedLinear*> DecoderLayer::linears() {
  return Joined(recurrence.linears(), Joined(attention.linears(), feed_forward.linears()));
}

at::Tensor DecoderLayerForward(const DecoderLayer& layer, const AttentionSequences& sequences,
                               const at::Tensor& x, const at::Tensor& m, const ForwardMode& mode,
                               DecoderLayerState* state) {
  DecoderLayerState scratch;
  DecoderLayerState& s = state == nullptr ? scratch : *state;
  const bool keeps = state != nullptr;
  const at::Tensor recurred = RecurrentBlockForward(layer.recurrence, *sequences.x, x,
                                                    /*before=*/{}, mode, keeps, s.recurrence);
  ProjectApart(layer.attention, recurred, m, KeyValueRows(layer.attention, m, mode), mode,
               s.attention);
  const at::Tensor attended =
      AttentionBlockForward(layer.attention, sequences, mode, keeps, s.attention);
  return FeedForwardForward(layer.feed_forward, sequences.x->back(), attended, mode,
                            keeps ? &s.feed_forward : nullptr);
}

AttentionBlockGrad DecoderLayerBackward(DecoderLayer& layer, const AttentionSequences& sequences,
                                        const ForwardMode& mode, const DecoderLayerState& state,
                                        const StreamGrad& dy, AttentionBlockWants wants) {
  const StreamGrad dattended =
      FeedForwardBackward(layer.feed_forward, sequences.x->back(), mode, state.feed_forward, dy);
  AttentionBlockGrad grad = AttentionBlockBackward(layer.attention, sequences, mode,
                                                   state.attention, dattended, {true, wants.m});
  grad.x = RecurrentBlockBackward(layer.recurrence, *sequences.x, mode, state.recurrence, grad.x,
                                  wants.x);
  return grad;
}

at::Tensor DecoderLayerStep(const DecoderLayer& layer, const AttentionSequences& sequences,
                            const at::Tensor& x, const at::Tensor& key_value, at::Tensor& cells) {
  const int64_t rows = sequences.x->back();
  std::vector<int64_t> one_row_each(static_cast<size_t>(rows) + 1);
  std::iota(one_row_each.begin(), one_row_each.end(), 0);
  DecoderLayerState state;
  const at::Tensor recurred =
      RecurrentBlockForward(layer.recurrence, one_row_each, x, cells, {}, false, state.recurrence);
  cells = state.recurrence.ssru.cells;
  ProjectApart(layer.attention, recurred, /*m=*/{}, key_value, {}, state.attention);
  const at::Tensor attended =
      AttentionBlockForward(layer.attention, sequences, {}, false, state.attention);
  return FeedForwardForward(layer.feed_forward, rows, attended, {}, nullptr);
}

}  // namespace attune
