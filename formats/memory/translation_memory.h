// SPDX-License-Identifier: Apache-2.0
// How much memory a trainer process will need to tune or use a translation model, before it starts:
// memory_estimate.h for encoder–decoders. Pure.
//
// With P the parameters of the model, Q those that are trained, S and T the source and target
// tokens of the longest micro-batch, H, F and V the widths of hidden and feed-forward rows and of
// the vocabulary; weights, optimizer, gradients and checkpoint are as there. All numbers are
// float32.
//
//   activations  the largest of three, times kAllocatorSlack. A training step keeps rows that the
//                backward pass reads again: of an encoder layer 8 H + F a source token; of a
//                decoder layer 12 H + F a target token and 2 H a source token (keys and values);
//                where the table is trained, its gradient by the output and a chunk's part of that,
//                2 H V; beside them a chunk of 256 rows of logits, V each, or the backward pass'
//                temporaries, 6 H + 3 F a token of the longer side. A translation runs the source
//                forward (9 H + F a token), keeps keys and values of each decoder layer (2 H a
//                source token), and for each hypothesis a row of logits. The export holds a copy of
//                all weights, and the table twice
//   data         token ids of both sides and their bookkeeping, the row of numbers that an
//                evaluated row's translation is kept as. Of the texts only what exceeds gradients,
//                activations and checkpoint, as there
//   runtime      libtorch, oneDNN and the program: measured
#pragma once

#include <cstdint>
#include <string>

#include "base/trainer_protocol.h"
#include "formats/memory/memory_estimate.h"
#include "formats/weights/translation_config.h"

namespace attune {

// Tokens of rows on either side, as they are trained.
struct SideTokens {
  RowTokens source, target;  // no targets where none are read
};

struct TranslationMemoryInputs {
  TranslationConfig model;
  std::string work = "fine_tune";  // these four as in TrainerSpec
  std::string method = "full";
  LoraSpec lora;
  int64_t top_layers = 0;
  int64_t batch_size = 8;
  int64_t beam_size = 1;
  SideTokens train;
  SideTokens evaluated;    // eval and test together
  int64_t text_bytes = 0;  // of the largest file
};

// The peak of the process' resident memory.
MemoryEstimate EstimateTranslationMemory(const TranslationMemoryInputs& inputs);

}  // namespace attune
