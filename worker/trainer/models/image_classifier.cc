// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/image_classifier.h"

#include "worker/trainer/models/efficientnet.h"

namespace attune {

absl::StatusOr<std::unique_ptr<ImageClassifier>> ImageClassifier::Load(
    const ImageModelFolder& folder, int64_t classes, uint64_t seed) {
  return EfficientNet::Load(folder, classes, seed);
}

std::vector<Parameter*> ImageClassifier::parameters() {
  std::vector<Parameter*> all = stem_parameters();
  const auto append = [&all](const std::vector<Parameter*>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (int64_t block = 0; block < depth(); ++block) append(block_parameters(block));
  append(top_parameters());
  append(head_parameters());
  return all;
}

}  // namespace attune
