// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/image_batch.h"

#include <vector>

#include "ATen/ops/empty.h"
#include "absl/functional/function_ref.h"
#include "base/errors.h"
#include "worker/trainer/batching/augmentation.h"
#include "worker/trainer/device/parallel.h"

namespace attune {
namespace {

// `shape` brings a decoded image, example `i` of the set, to size.
absl::StatusOr<at::Tensor> Batch(const ImageSet& images, absl::Span<const int64_t> examples,
                                 const ImageTransform& transform,
                                 absl::FunctionRef<Image(const Image&, int64_t i)> shape) {
  const auto count = static_cast<int64_t>(examples.size());
  at::Tensor batch = at::empty({count, 3, transform.size, transform.size}, at::kFloat);
  float* out = batch.mutable_data_ptr<float>();
  std::vector<absl::Status> statuses(examples.size());
  ParallelForInterleaved(count, [&](int64_t k) {
    const auto at = static_cast<size_t>(k);
    const absl::StatusOr<Image> image = images.Decode(examples[at]);
    statuses[at] = image.status();
    if (!image.ok()) return;
    Normalize(shape(*image, examples[at]), transform,
              out + k * 3 * transform.size * transform.size);
  });
  for (const absl::Status& status : statuses) ATTUNE_RETURN_IF_ERROR(status);
  return batch;
}

}  // namespace

absl::StatusOr<at::Tensor> FittedBatch(const ImageSet& images, absl::Span<const int64_t> examples,
                                       const ImageTransform& transform) {
  return Batch(images, examples, transform,
               [&](const Image& image, int64_t) { return Fit(image, transform); });
}

absl::StatusOr<at::Tensor> VariedBatch(const ImageSet& images, absl::Span<const int64_t> examples,
                                       const ImageTransform& transform, const ImageSpec& spec,
                                       uint64_t seed, int64_t epoch) {
  if (!Augments(spec)) return FittedBatch(images, examples, transform);
  return Batch(images, examples, transform, [&](const Image& image, int64_t i) {
    const AugmentationKey key{seed, epoch, images.place(i)};
    return Vary(image, DrawVariation(spec, key, image.width, image.height), transform);
  });
}

at::Tensor FittedImage(const Image& image, const ImageTransform& transform) {
  at::Tensor batch = at::empty({1, 3, transform.size, transform.size}, at::kFloat);
  Normalize(Fit(image, transform), transform, batch.mutable_data_ptr<float>());
  return batch;
}

}  // namespace attune
