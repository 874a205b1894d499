// SPDX-License-Identifier: Apache-2.0
// One encoder layer on packed rows, forward and backward: attention among the rows of a sequence,
// then the feed-forward part. With GELU that of the BERT family (Devlin et al. 2019), with ReLU
// that of Vaswani et al. 2017.
//
// Where only each sequence's first token is read afterwards (the last layer below a head on it),
// only those rows are computed past the keys and values: the same result, for a sixth of the work.
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/models/attention_block.h"
#include "worker/trainer/models/feed_forward.h"
#include "worker/trainer/models/forward_mode.h"

namespace attune {

struct EncoderLayer {
  // Without weights; `site` is the LayerSite of its index.
  EncoderLayer(int64_t heads, FeedForwardActivation activation, double eps, uint64_t site)
      : attention(heads, eps, site), feed_forward(activation, eps, site) {}

  AttentionBlock attention;
  FeedForward feed_forward;

  std::vector<Parameter*> parameters();  // without adapters
  std::vector<AdaptedLinear*> linears();
};

enum class LayerRows { kAllTokens, kFirstTokens };

// What the backward pass needs of the forward pass.
struct EncoderLayerState {
  std::vector<int64_t> offsets;  // of the rows that go on
  AttentionBlockState attention;
  FeedForwardState feed_forward;
};

// Fills `state` where it is not null.
at::Tensor EncoderLayerForward(const EncoderLayer& layer, const PackedBatch& batch,
                               const at::Tensor& x, LayerRows rows, const ForwardMode& mode,
                               EncoderLayerState* state);

// Adds to the gradients of the layer's trainable parameters. The result means something only where
// `want_dx` is set.
StreamGrad EncoderLayerBackward(EncoderLayer& layer, const PackedBatch& batch, LayerRows rows,
                                const ForwardMode& mode, const EncoderLayerState& state,
                                const StreamGrad& dy, bool want_dx);

}  // namespace attune
