// SPDX-License-Identifier: Apache-2.0
// Some of the images of an archive, in the order of the archive unless selected otherwise. Cheap to
// copy. Immutable; may be read from several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "formats/datasets/image_archive.h"
#include "formats/images/image.h"

namespace attune {

class ImageSet {
 public:
  ImageSet() = default;  // of no image
  // All of them.
  explicit ImageSet(std::shared_ptr<const ImageArchive> archive);

  // Some of them, in this order.
  ImageSet Select(absl::Span<const int64_t> examples) const;

  int64_t size() const { return static_cast<int64_t>(places_.size()); }
  // In the archive, from 0: the same whatever was selected.
  int64_t place(int64_t i) const { return places_[static_cast<size_t>(i)]; }
  const LabelledImage& image(int64_t i) const;

  // The bytes of its file. INVALID_ARGUMENT/INVALID_DATASET names it: it cannot be read, or in
  // Decode, is not an image.
  absl::StatusOr<std::string> Read(int64_t i) const;
  absl::StatusOr<Image> Decode(int64_t i) const;

 private:
  std::shared_ptr<const ImageArchive> archive_;  // shared by the parts of one dataset
  std::vector<int64_t> places_;
};

}  // namespace attune
