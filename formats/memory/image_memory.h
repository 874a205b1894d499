// SPDX-License-Identifier: Apache-2.0
// How much memory a trainer process will need for images, before it starts: memory_estimate.h for
// convolutional networks. Pure.
//
// With P the parameters of the model (running statistics included), Q those that are trained, B the
// images of a micro-batch; weights, optimizer, gradients and checkpoint are as there. All numbers
// are float32.
//
//   activations  per image of a micro-batch and trained stage, what each convolution takes and what
//                its norm and activation give, once for both where they are the same rows; with the
//                batch's statistics what the convolution gives as well. Beside them the larger of
//                the backward pass' temporaries (three of the largest map, a micro-batch of it) and
//                a batch that is run forward: the pixels of kForwardImages, and in, out and patches
//                of the largest map, of a few images. Times kAllocatorSlack
//   data         the index of the archives, the largest image decoded, and what frozen blocks gave,
//                which is mapped and read through
//   runtime      libtorch, oneDNN and the program: measured
#pragma once

#include <cstdint>
#include <string>

#include "formats/memory/memory_estimate.h"
#include "formats/weights/efficientnet_plan.h"

namespace attune {

struct ImageMemoryInputs {
  EfficientNetPlan plan;
  int64_t size = 224;              // pixels of a side
  int64_t outputs = 1;             // of the head
  std::string work = "fine_tune";  // these four as in TrainerSpec
  std::string method = "full";
  int64_t top_layers = 0;
  int64_t batch_size = 8;
  bool batch_statistics = false;  // batch norms use those of the micro-batch
  int64_t train_images = 0, other_images = 0;
  int64_t largest_pixels = 0;  // of one image, as its file has it
};

// The peak of the process' resident memory.
MemoryEstimate EstimateImageMemory(const ImageMemoryInputs& inputs);

}  // namespace attune
