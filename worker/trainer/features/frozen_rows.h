// SPDX-License-Identifier: Apache-2.0
// What the frozen layers of a model say of a dataset: computed once, without dropout, and the same
// in every epoch. They are computed in batches that depend on the whole dataset file alone, in file
// order, so that a row's bits are the same in every job on it, whichever rows that job trains on.
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "worker/trainer/batching/packed_batch.h"
#include "worker/trainer/batching/tokenized_text.h"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/features/feature_cache.h"
#include "worker/trainer/features/feature_matrix.h"
#include "worker/trainer/models/text_classifier.h"

namespace attune {

class FrozenRows {
 public:
  // Of the encoder's depth `depth` (encoder.h) and all of `text`. `key` names the result in the
  // cache; empty: not kept there. Where they have no room in the cache at all, none are computed
  // here. CANCELLED: `stopping` said so between two batches.
  static absl::StatusOr<FrozenRows> Make(const TextClassifier& model, int64_t depth,
                                         const TokenizedText& text, const std::string& key,
                                         FeatureCache& cache,
                                         const std::function<bool()>& stopping);

  FrozenRows() = default;  // nothing is frozen
  std::optional<int64_t> depth() const { return depth_; }

  // Whether they were computed, and not only will be.
  bool computed() const { return matrix_ != nullptr; }

  // Those of some examples, in this order.
  FrozenRows Select(absl::Span<const int64_t> examples) const;

  // What TextClassifier::ForwardFrom takes for a batch of these examples, `batch`: a copy of what
  // was computed, or else computed now. Not when nothing is frozen.
  at::Tensor Of(const TextClassifier& model, absl::Span<const int64_t> examples,
                const PackedBatch& batch) const;

 private:
  at::Tensor Gather(absl::Span<const int64_t> examples) const;

  std::optional<int64_t> depth_;                     // nullopt: nothing is frozen
  std::shared_ptr<const FeatureMatrix> matrix_;      // shared by the parts of one dataset
  std::vector<std::pair<int64_t, int64_t>> ranges_;  // example i has rows [first, second)
};

// A hash of all that decides the rows: base, dataset, how texts become tokens, depth, build and
// threads. "": the spec does not say which base or dataset it is.
std::string FrozenRowsKey(const TrainerSpec& spec, const DatasetSpec& dataset, int64_t max_length,
                          int64_t depth, const BuildInfo& build);

}  // namespace attune
