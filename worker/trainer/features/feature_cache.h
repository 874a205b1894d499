// SPDX-License-Identifier: Apache-2.0
// A folder of feature files, shared by the attempts and jobs of a worker, in several processes at
// once. What a file holds is a function of its key alone, so it does not matter who wrote it. Above
// its capacity the files that were not used for longest go. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "worker/trainer/features/feature_file.h"
#include "worker/trainer/features/feature_matrix.h"
#include "worker/trainer/loop/event_sink.h"

namespace attune {

inline constexpr int64_t kFeatureCacheBytes = int64_t{20} << 30;

class FeatureCache {
 public:
  // `dir` is created when first needed; empty: nothing is kept, and all is computed in memory.
  FeatureCache(FileSystem& files, std::string dir, EventSink& events,
               int64_t capacity_bytes = kFeatureCacheBytes)
      : files_(files), dir_(std::move(dir)), events_(events), capacity_bytes_(capacity_bytes) {}

  // Whether a matrix of this shape has room at all.
  bool Fits(FeatureShape shape) const { return shape.bytes() <= capacity_bytes_; }

  // `shape` fits. The rows of this key (hex): kept, or else computed by `source` and kept from now
  // on. A file that is damaged or cannot be written is told in a notice, and never a reason to
  // fail. An empty key is computed in memory. The error is the source's.
  absl::StatusOr<std::shared_ptr<const FeatureMatrix>> Get(const std::string& key,
                                                           FeatureShape shape, RowSource source);

 private:
  absl::StatusOr<std::shared_ptr<const FeatureMatrix>> GetFile(const std::string& path,
                                                               const std::string& key,
                                                               FeatureShape shape,
                                                               RowSource source);
  void Evict(const std::string& newest);
  void Warn(const char* what, const absl::Status& status);

  FileSystem& files_;
  const std::string dir_;
  EventSink& events_;
  const int64_t capacity_bytes_;
};

}  // namespace attune
