// SPDX-License-Identifier: Apache-2.0
// Fills an encoder and a head from a model folder: which tensor of the folder is which parameter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/weights/model_folder.h"
#include "worker/trainer/models/classification_head.h"
#include "worker/trainer/models/encoder.h"

namespace attune {

// What a layer starts from that a folder lacks: normal(0, deviation), a function of seed, site and
// place alone.
void FillNormal(at::Tensor& t, double deviation, uint64_t seed, uint64_t site);

class WeightLoader {
 public:
  // Both are borrowed. `seed` keys what the folder lacks.
  WeightLoader(const ModelFolder& folder, uint64_t seed) : folder_(folder), seed_(seed) {}

  absl::Status LoadEncoder(Encoder& encoder);
  absl::Status LoadHead(ClassificationHead& head, int64_t classes);

 private:
  // One matrix (or vector, with columns 0) of the folder's tensors `names`, stacked.
  absl::Status Read(Parameter& parameter, const std::vector<std::string>& names, int64_t rows_each,
                    int64_t columns);
  absl::Status ReadNorm(Parameter& gamma, Parameter& beta, const std::string& prefix);
  absl::Status ReadLinear(AdaptedLinear& linear, const std::vector<std::string>& prefixes,
                          int64_t out_each, int64_t in);
  absl::Status LoadEmbeddings(Encoder& encoder);
  absl::Status LoadLayer(EncoderLayer& layer, int64_t index);
  // Whether the folder has the layer, and it is `usable`; else it starts from noise of its own
  // `site`.
  absl::StatusOr<bool> ReadOrStart(AdaptedLinear& linear, const std::string& prefix, int64_t out,
                                   uint64_t site, bool usable);

  const ModelFolder& folder_;
  const uint64_t seed_;
};

}  // namespace attune
