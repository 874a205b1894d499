// SPDX-License-Identifier: Apache-2.0
// Fills a translation model from its folder: which tensors of the folder are which parameter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/weights/translation_folder.h"
#include "worker/trainer/models/translation_model.h"

namespace attune {

class TranslationWeights {
 public:
  // Borrowed.
  explicit TranslationWeights(const TranslationFolder& folder) : folder_(folder) {}

  absl::Status Load(TranslationModel& model) const;

 private:
  // One matrix (or vector, with columns 0) of the folder's tensors `names`, one below the other.
  absl::Status Read(Parameter& parameter, const std::vector<std::string>& names, int64_t rows_each,
                    int64_t columns) const;
  absl::Status ReadLinear(AdaptedLinear& linear, const std::vector<std::string>& modules,
                          int64_t out_each, int64_t in) const;
  absl::Status ReadNorm(ResidualNorm& norm, const std::string& module) const;
  // `prefix` is the layer's; `attention` what its attention is called.
  absl::Status ReadAttention(AttentionBlock& block, const std::string& prefix,
                             const std::string& attention) const;
  absl::Status ReadFeedForward(FeedForward& layer, const std::string& prefix) const;
  absl::Status ReadRecurrence(RecurrentBlock& block, const std::string& prefix) const;

  const TranslationFolder& folder_;
};

}  // namespace attune
