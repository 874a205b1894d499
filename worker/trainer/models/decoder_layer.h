// SPDX-License-Identifier: Apache-2.0
// One decoder layer on packed rows, forward and backward: a recurrent part along the target, then
// attention to the rows of the source, then the feed-forward part. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/models/attention_block.h"
#include "worker/trainer/models/feed_forward.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/recurrent_block.h"

namespace attune {

struct DecoderLayer {
  // Without weights; `site` is the LayerSite of its index.
  DecoderLayer(int64_t heads, FeedForwardActivation activation, double eps, uint64_t site)
      : recurrence(eps, site), attention(heads, eps, site), feed_forward(activation, eps, site) {}

  RecurrentBlock recurrence;
  AttentionBlock attention;
  FeedForward feed_forward;

  std::vector<Parameter*> parameters();  // without adapters
  std::vector<AdaptedLinear*> linears();
};

// What the backward pass needs of the forward pass.
struct DecoderLayerState {
  RecurrentBlockState recurrence;
  AttentionBlockState attention;
  FeedForwardState feed_forward;
};

// x are the rows of whole targets, m those of the encoder; `sequences` says where each begins.
// Fills `state` where it is not null.
at::Tensor DecoderLayerForward(const DecoderLayer& layer, const AttentionSequences& sequences,
                               const at::Tensor& x, const at::Tensor& m, const ForwardMode& mode,
                               DecoderLayerState* state);

// As AttentionBlockBackward has it.
AttentionBlockGrad DecoderLayerBackward(DecoderLayer& layer, const AttentionSequences& sequences,
                                        const ForwardMode& mode, const DecoderLayerState& state,
                                        const StreamGrad& dy, AttentionBlockWants wants);

// One more row of each of some targets, without dropout. x [capacity of targets, hidden] is their
// input; `cells` of the same shape (or undefined: these are the first rows) what the recurrent part
// knows of the rows before, and then of this one too. Attention is to `key_value`, which
// KeyValueRows made of the encoder's rows; sequences.x says which targets are of which source.
at::Tensor DecoderLayerStep(const DecoderLayer& layer, const AttentionSequences& sequences,
                            const at::Tensor& x, const at::Tensor& key_value, at::Tensor& cells);

}  // namespace attune
