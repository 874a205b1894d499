// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/image_set.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/images/decode.h"

namespace attune {
namespace {

absl::Status Named(const std::string& name, const absl::Status& status) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_DATASET",
                   absl::StrCat(name, ": ", std::string(status.message())));
}

}  // namespace

ImageSet::ImageSet(std::shared_ptr<const ImageArchive> archive)
    : archive_(std::move(archive)), places_(archive_->images().size()) {
  std::iota(places_.begin(), places_.end(), 0);
}

ImageSet ImageSet::Select(absl::Span<const int64_t> examples) const {
  ImageSet selected;
  selected.archive_ = archive_;
  for (const int64_t i : examples) selected.places_.push_back(place(i));
  return selected;
}

const LabelledImage& ImageSet::image(int64_t i) const {
  return archive_->images()[static_cast<size_t>(place(i))];
}

absl::StatusOr<std::string> ImageSet::Read(int64_t i) const {
  absl::StatusOr<std::string> file = archive_->Read(image(i));
  if (!file.ok()) return Named(image(i).name, file.status());
  return file;
}

absl::StatusOr<Image> ImageSet::Decode(int64_t i) const {
  ATTUNE_ASSIGN_OR_RETURN(const std::string file, Read(i));
  absl::StatusOr<Image> decoded = DecodeImage(file);
  if (!decoded.ok()) return Named(image(i).name, decoded.status());
  return decoded;
}

}  // namespace attune
