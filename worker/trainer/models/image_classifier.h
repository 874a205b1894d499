// SPDX-License-Identifier: Apache-2.0
// A network from images to logits, as a sequence of blocks under a head. Like Encoder it can be run
// in two stretches: what lies below a depth once, what lies above it in every step. Depth d is the
// input of block d; depth() is what the head sits on, above all blocks and the top. An image's
// numbers at a depth are a row: pixel by pixel from the top left, the channels of a pixel side by
// side. fp32 throughout. Used by the compute thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "formats/weights/image_model_folder.h"
#include "worker/trainer/device/keyed_random.h"
#include "worker/trainer/layers/batch_norm.h"
#include "worker/trainer/models/parameter.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {

// The default neither drops out nor changes anything.
struct ImageForwardMode {
  double dropout = 0;  // of what the head sits on
  StepKey key;
  NormStatistics statistics = NormStatistics::kRunning;
};

// What a model keeps of a forward pass for its backward pass; each has a kind of its own.
class ImageActivations {
 public:
  virtual ~ImageActivations() = default;
};

class ImageClassifier {
 public:
  virtual ~ImageClassifier() = default;

  // A classifier layer that the folder lacks, or has for another number of classes, starts from
  // normal(0, 0.02) keyed on `seed`, with bias 0. Everything is trainable.
  static absl::StatusOr<std::unique_ptr<ImageClassifier>> Load(const ImageModelFolder& folder,
                                                               int64_t classes, uint64_t seed);

  virtual int64_t depth() const = 0;  // blocks
  // Floats of one image at a depth, for images of size × size pixels.
  virtual int64_t WidthAt(int64_t depth, int64_t size) const = 0;

  // images [n, 3, size, size] float, contiguous, size ≥ 32. By running statistics; nothing is kept
  // of it, nothing changes: [n, WidthAt(depth)], contiguous. The bits of a row may depend on how
  // many rows are computed with it, and on nothing else.
  virtual at::Tensor RowsAt(int64_t depth, const at::Tensor& images) const = 0;
  // From such rows, whose images were of size × size pixels, to logits [n, classes]. With kBatch
  // the running statistics of all that is computed change, frozen or not. Where `activations` is
  // not null it becomes what Backward needs; what is trained by then must lie above `depth`, and
  // `trainable` must not change in between.
  virtual at::Tensor ForwardFrom(int64_t depth, const at::Tensor& rows, int64_t size,
                                 const ImageForwardMode& mode,
                                 std::unique_ptr<ImageActivations>* activations) = 0;
  // From the images themselves.
  virtual at::Tensor Forward(const at::Tensor& images, const ImageForwardMode& mode,
                             std::unique_ptr<ImageActivations>* activations) = 0;
  // Adds to the gradients of what is trained, and goes no lower than the lowest of that. `mode` and
  // `activations` are those of the forward pass.
  virtual void Backward(const ImageForwardMode& mode, const ImageActivations& activations,
                        const at::Tensor& dlogits) = 0;

  // Of what lies below the blocks (the stem), of one block, of what lies above them but below the
  // head, of the head: all weights, in a fixed order, names as in the files.
  virtual std::vector<Parameter*> stem_parameters() = 0;
  virtual std::vector<Parameter*> block_parameters(int64_t block) = 0;
  virtual std::vector<Parameter*> top_parameters() = 0;
  virtual std::vector<Parameter*> head_parameters() = 0;
  // Scale and shift of all batch norms; they are among the above.
  virtual std::vector<Parameter*> norm_parameters() = 0;
  // Running means and variances: changed by forward passes alone, part of the model.
  virtual std::vector<Parameter*> buffers() = 0;

  std::vector<Parameter*> parameters();  // all of the first four, in that order
};

}  // namespace attune
