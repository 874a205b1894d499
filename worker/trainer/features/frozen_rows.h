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
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/device/build_info.h"
#include "worker/trainer/features/feature_cache.h"
#include "worker/trainer/features/feature_matrix.h"

namespace attune {

// What computes the rows of a dataset; each kind of data has one of its own.
class FrozenSource {
 public:
  virtual ~FrozenSource() = default;

  virtual int64_t examples() const = 0;
  virtual int64_t width() const = 0;  // floats a row
  virtual int64_t RowsOf(int64_t example) const = 0;
  // Where the batch that begins with example `begin` ends: a function of the data alone.
  virtual int64_t BatchEnd(int64_t begin) const = 0;
  // The rows of all of `examples`, one after the other: [≥ their number, width()].
  virtual absl::StatusOr<at::Tensor> Compute(absl::Span<const int64_t> examples) const = 0;
};

class FrozenRows {
 public:
  // Of all that `source` has, which is what lies at depth `depth` of the model. `key` names the
  // result in the cache; empty: not kept there. Where they have no room in the cache at all, none
  // are computed here. CANCELLED: `stopping` said so between two batches; else the source's error.
  static absl::StatusOr<FrozenRows> Make(const FrozenSource& source, int64_t depth,
                                         const std::string& key, FeatureCache& cache,
                                         const std::function<bool()>& stopping);
  // To be computed with each batch by whoever needs them.
  static FrozenRows Uncomputed(int64_t depth);

  FrozenRows() = default;  // nothing is frozen
  std::optional<int64_t> depth() const { return depth_; }

  // Whether they were computed, and not only will be.
  bool computed() const { return matrix_ != nullptr; }

  // Those of some examples, in this order.
  FrozenRows Select(absl::Span<const int64_t> examples) const;

  // A copy of those of some examples, as EmptyRows (device/rows.h). They were computed.
  at::Tensor Gather(absl::Span<const int64_t> examples) const;

 private:
  std::optional<int64_t> depth_;                     // nullopt: nothing is frozen
  std::shared_ptr<const FeatureMatrix> matrix_;      // shared by the parts of one dataset
  std::vector<std::pair<int64_t, int64_t>> ranges_;  // example i has rows [first, second)
};

// A hash of all that decides the rows: base, dataset, depth, build and threads, and `reading`, how
// the dataset becomes what the model takes. "": the spec does not say which base or dataset it is.
std::string FrozenRowsKey(const TrainerSpec& spec, const DatasetSpec& dataset,
                          const nlohmann::ordered_json& reading, int64_t depth,
                          const BuildInfo& build);

}  // namespace attune
