// SPDX-License-Identifier: Apache-2.0
// A tar of labelled images (DatasetSpec::format "images"), read where it lies: opening it reads the
// headers, an image is read when it is asked for.
//
//   CLASS/…/FILE     the first folder of a member's path is its class; a single folder that all
//                    members lie in (as `tar c DIR` makes it) is not counted
//   metadata.jsonl   at the top (or in that single folder), at most 64 MiB: a JSON object a line,
//                    with "file_name", as seen from there, and the key that
//                    DatasetSpec::label_column names, of the kind that DatasetSpec::label_kind
//                    says; then folders mean nothing, each image has one line and each line its
//                    image
//
// Where no label is read (label kind "none"), neither means anything. Members that are not .jpg,
// .jpeg or .png by name, or hidden, are ignored and counted. ustar, pax and GNU long names are
// read; links, devices, "..", absolute names and names twice are errors, and so is a compressed
// archive. The order of images is that of their names' bytes, so it does not depend on who made the
// tar. Immutable once opened; reading may be done from several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/labelled_text.h"
#include "formats/files/regular_file.h"
#include "formats/files/tar_members.h"
#include "formats/problems.h"

namespace attune {

inline constexpr int64_t kMaxArchiveImages = 1'000'000;
inline constexpr int64_t kMaxMetadataBytes = int64_t{64} << 20;

struct LabelledImage {
  std::string name;         // in the archive
  FileRange data;           // its file, at most kMaxImageBytes
  LabelledExample example;  // no texts; line: 1, 2, … in the order of images
};

class ImageArchive {
 public:
  // What is wrong in the content is in `problems`, each naming its member (Problem::where), and the
  // archive holds what is right. A status that is not OK: the file cannot be opened or the spec
  // makes no sense.
  static absl::StatusOr<std::unique_ptr<ImageArchive>> Open(const DatasetSpec& spec,
                                                            Problems& problems);
  // INVALID_ARGUMENT/INVALID_DATASET with the problems in its message.
  static absl::StatusOr<std::unique_ptr<ImageArchive>> Open(const DatasetSpec& spec);

  const std::vector<LabelledImage>& images() const { return images_; }
  int64_t ignored_members() const { return ignored_members_; }
  int64_t size_bytes() const { return file_.size(); }

  // The bytes of an image's file.
  absl::StatusOr<std::string> Read(const LabelledImage& image) const;

 private:
  explicit ImageArchive(RegularFile file) : file_(std::move(file)) {}

  RegularFile file_;
  std::vector<LabelledImage> images_;
  int64_t ignored_members_ = 0;
};

// What names an image's content wherever it is compared: for duplicates, overlaps between sets and
// the held-out part (IsHeldOut of its one string). SHA-256 of the file's bytes, hex.
std::string ImageDigest(std::string_view file);

}  // namespace attune
