// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/features/frozen_rows.h"

#include <algorithm>
#include <numeric>

#include "base/digest.h"
#include "base/errors.h"
#include "base/version.h"
#include "worker/trainer/device/rows.h"

namespace attune {
namespace {

// Raised whenever the same key would give other bits: by a change of kernels, batches or tokens.
constexpr int kRowsVersion = 1;

}  // namespace

absl::StatusOr<FrozenRows> FrozenRows::Make(const FrozenSource& source, int64_t depth,
                                            const std::string& key, FeatureCache& cache,
                                            const std::function<bool()>& stopping) {
  FrozenRows rows = Uncomputed(depth);
  FeatureShape shape{0, source.width()};
  for (int64_t i = 0; i < source.examples(); ++i) {
    const int64_t begin = shape.rows;
    shape.rows += source.RowsOf(i);
    rows.ranges_.emplace_back(begin, shape.rows);
  }
  if (!cache.Fits(shape)) return rows;
  const auto compute = [&](RowSink sink) -> absl::Status {
    for (int64_t begin = 0, end = 0; begin < source.examples(); begin = end) {
      if (stopping()) return absl::CancelledError("stopped while computing features");
      end = source.BatchEnd(begin);
      std::vector<int64_t> examples(static_cast<size_t>(end - begin));
      std::iota(examples.begin(), examples.end(), begin);
      ATTUNE_ASSIGN_OR_RETURN(const at::Tensor values, source.Compute(examples));
      const auto [first, last] = std::pair(rows.ranges_[static_cast<size_t>(begin)].first,
                                           rows.ranges_[static_cast<size_t>(end - 1)].second);
      ATTUNE_RETURN_IF_ERROR(sink(values.const_data_ptr<float>(), last - first));
    }
    return absl::OkStatus();
  };
  ATTUNE_ASSIGN_OR_RETURN(rows.matrix_, cache.Get(key, shape, compute));
  return rows;
}

FrozenRows FrozenRows::Uncomputed(int64_t depth) {
  FrozenRows rows;
  rows.depth_ = depth;
  return rows;
}

FrozenRows FrozenRows::Select(absl::Span<const int64_t> examples) const {
  FrozenRows selected;
  selected.depth_ = depth_;
  selected.matrix_ = matrix_;
  if (!computed()) return selected;
  for (const int64_t i : examples) selected.ranges_.push_back(ranges_[static_cast<size_t>(i)]);
  return selected;
}

at::Tensor FrozenRows::Gather(absl::Span<const int64_t> examples) const {
  const int64_t width = matrix_->shape().width;
  int64_t rows = 0;
  for (const int64_t i : examples) {
    const auto& [begin, end] = ranges_[static_cast<size_t>(i)];
    rows += end - begin;
  }
  at::Tensor gathered = EmptyRows(rows, width);
  float* out = gathered.mutable_data_ptr<float>();
  for (const int64_t i : examples) {
    const auto& [begin, end] = ranges_[static_cast<size_t>(i)];
    out = std::copy_n(matrix_->row(begin), (end - begin) * width, out);
  }
  return gathered;
}

std::string FrozenRowsKey(const TrainerSpec& spec, const DatasetSpec& dataset,
                          const nlohmann::ordered_json& reading, int64_t depth,
                          const BuildInfo& build) {
  if (spec.base_model_sha256.empty() || dataset.sha256.empty()) return "";
  const nlohmann::ordered_json key = {{"version", {kVersion, kRowsVersion}},
                                      {"base", spec.base_model_sha256},
                                      {"dataset", dataset.sha256},
                                      {"format", dataset.format},
                                      {"reading", reading},
                                      {"depth", depth},
                                      {"torch", build.torch_version},
                                      {"cpu", build.cpu},
                                      {"matmul", build.matmul},
                                      {"mkl_cbwr", build.mkl_cbwr},
                                      {"dtype", build.dtype},
                                      {"threads", build.threads}};
  return Sha256::Hex(key.dump());
}

}  // namespace attune
