// SPDX-License-Identifier: Apache-2.0
// How much memory a trainer process will need, before it starts. Pure.
//
// What it counts, in bytes, with P the parameters of the model, Q those that are trained, T the
// tokens of the longest micro-batch, H and I the widths of hidden and feed-forward rows; all
// numbers are float32:
//
//   weights      4 P
//   optimizer    8 Q          both moments of AdamW (Loshchilov & Hutter 2019)
//   gradients    4 Q          dense, embedding tables too
//   checkpoint  12 Q          the copy of values and moments that is written beside the next steps
//   activations  rows that the backward pass reads again: per token and trained layer 8 H + 2 I
//                (input, query, key, value, context, attended, two norms; up, activated), of the
//                last layer 3 H when only first tokens go on to the head, H of the embedding norm.
//                Beside them the larger of the backward pass' temporaries (6 H + 3 I a token) and
//                one evaluated or, with frozen layers, precomputed batch (9 H + 2 I a token, of
//                2,048 tokens or one longer row). Times kAllocatorSlack: one batch of an epoch is
//                larger than is likely, some tensors are not counted, and between those of a step
//                are holes (worker/trainer/device/tensor_memory.h)
//   data         token ids and types of all rows (8 a token) and their bookkeeping. Of the texts
//                only what exceeds gradients, activations and checkpoint: those come when the texts
//                are gone. What frozen layers gave, 4 H a row (head) or a token (partial), which is
//                mapped and read through
//   runtime      libtorch, the program, and oneDNN with the code it keeps for 64 shapes of products
//                (worker/trainer/device/threads.h): measured
//
// With frozen layers Q is what is trained, and only layers at or above the lowest trained one keep
// rows for the backward pass; "head" and "lora" count the head's dense layer as trained, which in
// BERT it is not (H² of P). The rows' source is worker/trainer/models/encoder_layer.h; the
// constants were fitted to the peak RSS of real runs (tests/parity/memory_parity.py).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/trainer_protocol.h"
#include "formats/weights/hf_config.h"

namespace attune {

// Tokens of rows, as they are trained: special ones included, truncated to max_length.
struct RowTokens {
  int64_t rows = 0, tokens = 0, longest = 0;
  double squares = 0;  // sum of the squared counts

  void Add(int64_t row_tokens);
  void Add(const RowTokens& more);
};

// Tokens that the largest of an epoch's batches is likely to have: mean and deviation of a sum of
// `batch_size` rows, √(2 ln n) deviations up (the expected maximum of n normal draws), within what
// is possible.
int64_t LongestBatch(const RowTokens& rows, int64_t batch_size);

// Parameters of the adapters beside one linear layer [out, in]; 0 where none of the targets names
// it.
int64_t AdapterParameters(const LoraSpec& lora, std::string_view module, int64_t out, int64_t in);

struct MemoryInputs {
  EncoderConfig model;
  int64_t outputs = 1;             // of the head
  std::string work = "fine_tune";  // these four as in TrainerSpec
  std::string method = "full";
  LoraSpec lora;
  int64_t top_layers = 0;
  bool mean_pooling = false;  // the head sits on the mean of all tokens
  int64_t batch_size = 8;
  RowTokens train;
  RowTokens evaluated;     // eval or test, whichever is larger
  RowTokens all;           // train, eval and test together
  int64_t text_bytes = 0;  // of the largest file
};

struct MemoryEstimate {
  int64_t weights = 0, optimizer = 0, gradients = 0, activations = 0, checkpoint = 0, data = 0,
          runtime = 0;

  int64_t total() const;
};

// The peak of the process' resident memory.
MemoryEstimate EstimateMemory(const MemoryInputs& inputs);

}  // namespace attune
