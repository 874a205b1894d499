// SPDX-License-Identifier: Apache-2.0
// From source tokens to target tokens: greedy and beam search. Used by the compute thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/trainer_protocol.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/models/translation_model.h"

namespace attune {

struct Translated {
  std::vector<int32_t> ids;    // without </s>
  double log_probability = 0;  // of these and </s>
};

// Tokens, </s> among them, after which a translation of so many source tokens is cut.
inline int64_t LongestTranslation(int64_t source_tokens, int64_t max_length) {
  return std::min(max_length, 3 * source_tokens + 16);
}

// One for each source sequence, which ends with </s>. A translation ends with </s>, or after its
// LongestTranslation. A row's result does not depend on the rows beside it beyond the rounding of
// sums.
std::vector<Translated> Translate(const TranslationModel& model, const PackedBatch& sources,
                                  int32_t end_id, int64_t max_length, const DecodingSpec& decoding);

}  // namespace attune
