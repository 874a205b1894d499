// SPDX-License-Identifier: Apache-2.0
// The attending part of an encoder or decoder layer, forward and backward:
//
//   y = Norm(x + Dropout(Attention(x Wqᵀ + bq, m Wkᵀ + bk, m Wvᵀ + bv) Woᵀ + bo))
//
// x are the rows that ask, m those that are asked: the same (self-attention), all rows of the
// sequences that x has some rows of, or the other side of a translation. Used by the compute
// thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/trainer/layers/attention.h"
#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/forward_mode.h"
#include "worker/trainer/models/residual_norm.h"

namespace attune {

struct AttentionBlock {
  // Without weights; layer_site is the LayerSite of its layer.
  AttentionBlock(int64_t heads, double eps, uint64_t layer_site);

  int64_t heads;
  uint64_t site;      // of the dropout of the attention's weights
  AdaptedLinear qkv;  // query, key, value: [3 · hidden, hidden]
  AdaptedLinear out;
  ResidualNorm norm;

  std::vector<Parameter*> parameters();  // without adapters
  std::vector<AdaptedLinear*> linears() { return {&qkv, &out}; }
};

// Where the sequences of both sides begin, as many of x as of m. Borrowed.
struct AttentionSequences {
  const std::vector<int64_t>* x = nullptr;
  const std::vector<int64_t>* m = nullptr;
};

// What the backward pass needs of the forward pass. Forward takes x, m and the projections from
// here: ProjectTogether or ProjectApart put them there.
struct AttentionBlockState {
  at::Tensor x, m;
  at::Tensor query, key_value;  // projections of x and of m; one tensor when x and m are one
  AttentionOutput attention;
  NormState norm;
};

void ProjectTogether(const AttentionBlock& block, const at::Tensor& x, const ForwardMode& mode,
                     AttentionBlockState& state);
// `key_value` as KeyValueRows makes it of m.
void ProjectApart(const AttentionBlock& block, const at::Tensor& x, const at::Tensor& m,
                  const at::Tensor& key_value, const ForwardMode& mode, AttentionBlockState& state);
// [capacity of m's rows, 2 · hidden].
at::Tensor KeyValueRows(const AttentionBlock& block, const at::Tensor& m, const ForwardMode& mode);

// [capacity of x's rows, hidden]. Keeps in `state` what Backward needs where `keeps` is set.
at::Tensor AttentionBlockForward(const AttentionBlock& block, const AttentionSequences& sequences,
                                 const ForwardMode& mode, bool keeps, AttentionBlockState& state);

struct AttentionBlockGrad {
  StreamGrad x;
  at::Tensor m;  // undefined when x and m are one, or it is not wanted
};

// Which gradients mean something in the result.
struct AttentionBlockWants {
  bool x = true, m = true;
};

// Adds to the gradients of what is trained.
AttentionBlockGrad AttentionBlockBackward(AttentionBlock& block,
                                          const AttentionSequences& sequences,
                                          const ForwardMode& mode, const AttentionBlockState& state,
                                          const StreamGrad& dy, AttentionBlockWants wants);

}  // namespace attune
