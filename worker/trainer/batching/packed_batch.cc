// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/packed_batch.h"

namespace attune {
namespace {

constexpr int64_t kBatchTokens = 2048;  // unless one sequence alone is longer

}  // namespace

void PackedBatch::Add(absl::Span<const int32_t> token_ids,
                      absl::Span<const int32_t> token_type_ids) {
  ids.insert(ids.end(), token_ids.begin(), token_ids.end());
  type_ids.insert(type_ids.end(), token_type_ids.begin(), token_type_ids.end());
  for (size_t i = 0; i < token_ids.size(); ++i) positions.push_back(static_cast<int32_t>(i));
  offsets.push_back(static_cast<int64_t>(ids.size()));
}

PackedBatch Pack(const TokenizedText& text, absl::Span<const int64_t> examples) {
  PackedBatch batch;
  for (const int64_t i : examples) batch.Add(text.ids(i), text.type_ids(i));
  return batch;
}

int64_t BatchEnd(const TokenizedText& text, int64_t begin) {
  return BatchEnd(begin, text.size(),
                  [&](int64_t i) { return static_cast<int64_t>(text.ids(i).size()); });
}

int64_t BatchEnd(int64_t begin, int64_t end, absl::FunctionRef<int64_t(int64_t)> tokens_of) {
  int64_t tokens = tokens_of(begin), at = begin + 1;
  for (; at < end; ++at) {
    tokens += tokens_of(at);
    if (tokens > kBatchTokens) break;
  }
  return at;
}

}  // namespace attune
