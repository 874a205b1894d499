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
  auto tokens = static_cast<int64_t>(text.ids(begin).size());
  int64_t end = begin + 1;
  while (end < text.size()) {
    tokens += static_cast<int64_t>(text.ids(end).size());
    if (tokens > kBatchTokens) break;
    ++end;
  }
  return end;
}

}  // namespace attune
