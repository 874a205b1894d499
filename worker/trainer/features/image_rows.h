// SPDX-License-Identifier: Apache-2.0
// Frozen rows (frozen_rows.h) of images, one an image: what the model has of it at a depth.
#pragma once

#include <cstdint>

#include "formats/images/image_transform.h"
#include "worker/trainer/batching/image_set.h"
#include "worker/trainer/features/frozen_rows.h"
#include "worker/trainer/models/image_classifier.h"

namespace attune {

class ImageRows final : public FrozenSource {
 public:
  // All are borrowed. `depth` is the model's (image_classifier.h).
  ImageRows(const ImageClassifier& model, int64_t depth, const ImageSet& images,
            const ImageTransform& transform)
      : model_(model), depth_(depth), images_(images), transform_(transform) {}

  int64_t examples() const override { return images_.size(); }
  int64_t width() const override { return model_.WidthAt(depth_, transform_.size); }
  int64_t RowsOf(int64_t) const override { return 1; }
  int64_t BatchEnd(int64_t begin) const override;
  absl::StatusOr<at::Tensor> Compute(absl::Span<const int64_t> examples) const override;

 private:
  const ImageClassifier& model_;
  const int64_t depth_;
  const ImageSet& images_;
  const ImageTransform& transform_;
};

}  // namespace attune
