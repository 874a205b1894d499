// SPDX-License-Identifier: Apache-2.0
// One encoder layer of the BERT family (Devlin et al. 2019) on packed rows, forward and backward:
//
//   a = Norm(x + Dropout(Attention(x) Woᵀ + bo));  y = Norm(a + Dropout(Gelu(a W1ᵀ + b1) W2ᵀ + b2))
//
// Where only each sequence's first token is read afterwards (the last layer below a head on it),
// only those rows are computed past the keys and values: the same result, for a sixth of the work.
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/layers/attention.h"
#include "worker/trainer/layers/norm.h"
#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

struct EncoderLayer {
  AdaptedLinear qkv;  // query, key, value: [3 · hidden, hidden]
  AdaptedLinear out;
  Parameter attention_gamma, attention_beta;
  AdaptedLinear up, down;
  Parameter output_gamma, output_beta;
  int64_t heads = 0;
  double eps = 1e-12;
  uint64_t site = 0;  // LayerSite of its index

  std::vector<Parameter*> parameters();  // without adapters
  std::vector<AdaptedLinear*> linears() { return {&qkv, &out, &up, &down}; }
};

enum class LayerRows { kAllTokens, kFirstTokens };

// What the backward pass needs of the forward pass.
struct EncoderLayerState {
  at::Tensor input;        // x, all tokens
  at::Tensor query_input;  // the rows of x that go on
  std::vector<int64_t> query_offsets;
  at::Tensor query, key_value;  // rows of projections; one tensor when all tokens go on
  AttentionOutput attention;
  NormState attention_norm, output_norm;
  at::Tensor attended, up, activated;
};

// Fills `state` where it is not null.
at::Tensor EncoderLayerForward(const EncoderLayer& layer, const PackedBatch& batch,
                               const at::Tensor& x, LayerRows rows, const ForwardMode& mode,
                               EncoderLayerState* state);

// The two tensors whose sum is the gradient of a layer's input (and of its output, going down).
struct StreamGrad {
  at::Tensor a, b;  // b may be undefined
};

// Adds to the gradients of the layer's trainable parameters. The result means something only where
// `want_dx` is set.
StreamGrad EncoderLayerBackward(EncoderLayer& layer, const PackedBatch& batch, LayerRows rows,
                                const ForwardMode& mode, const EncoderLayerState& state,
                                const StreamGrad& dy, bool want_dx);

}  // namespace attune
