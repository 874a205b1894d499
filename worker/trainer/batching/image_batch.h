// SPDX-License-Identifier: Apache-2.0
// Images as a model takes them: read, decoded, brought to size, normalised; each image by one
// thread, so that a batch's bits do not depend on their number. Called by the compute thread.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/trainer_protocol.h"
#include "formats/images/image_transform.h"
#include "worker/trainer/batching/image_set.h"

namespace attune {

// Of whatever is measured or computed once; training's has its own size.
inline constexpr int64_t kImageBatch = 32;

// As evaluation sees them: [examples.size(), 3, size, size] floats. INVALID_ARGUMENT names the
// first of them that cannot be used.
absl::StatusOr<at::Tensor> FittedBatch(const ImageSet& images, absl::Span<const int64_t> examples,
                                       const ImageTransform& transform);

// As training sees them in an epoch: varied as `spec` says (augmentation.h).
absl::StatusOr<at::Tensor> VariedBatch(const ImageSet& images, absl::Span<const int64_t> examples,
                                       const ImageTransform& transform, const ImageSpec& spec,
                                       uint64_t seed, int64_t epoch);

// One image, decoded already: [1, 3, size, size].
at::Tensor FittedImage(const Image& image, const ImageTransform& transform);

}  // namespace attune
