// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/row_source.h"

#include <utility>

#include "base/errors.h"
#include "formats/datasets/image_archive.h"
#include "formats/images/decode.h"
#include "formats/text/utf8.h"

namespace attune {

absl::StatusOr<Problems> TextRows::Read(const DatasetSpec& spec,
                                        absl::FunctionRef<void(const InspectedRow&)> on_row) {
  ATTUNE_ASSIGN_OR_RETURN(
      LabelledTextScan scan, ScanLabelledText(spec, [&](const LabelledExample& example) {
        on_row({example, example.texts, {"", example.line, 0, "", ""}, CountTokens(example.texts)});
      }));
  largest_file_ = std::max(largest_file_, scan.size_bytes);
  return std::move(scan.problems);
}

int64_t TextRows::CountTokens(const std::vector<std::string>& texts) const {
  const Encoding encoding = texts.size() == 2 ? tokenizer_.EncodePair(texts[0], texts[1], 0)
                                              : tokenizer_.Encode(texts[0], 0);
  return static_cast<int64_t>(encoding.ids.size());
}

absl::StatusOr<Problems> TranslationRows::Read(
    const DatasetSpec& spec, absl::FunctionRef<void(const InspectedRow&)> on_row) {
  const bool pairs = spec.label_kind == "text";
  ATTUNE_ASSIGN_OR_RETURN(LabelledTextScan scan,
                          ScanLabelledText(spec, [&](const LabelledExample& example) {
                            on_row({example,
                                    example.texts,
                                    {"", example.line, 0, "", ""},
                                    CountTokens(example.texts.front()),
                                    pairs ? CountTokens(example.translation) : 0});
                          }));
  largest_file_ = std::max(largest_file_, scan.size_bytes);
  return std::move(scan.problems);
}

int64_t TranslationRows::CountTokens(const std::string& text) const {
  return static_cast<int64_t>(pieces_.Encode(text).size()) + 1;
}

absl::StatusOr<Problems> ImageRows::Read(const DatasetSpec& spec,
                                         absl::FunctionRef<void(const InspectedRow&)> on_row) {
  Problems problems;
  ATTUNE_ASSIGN_OR_RETURN(const auto archive, ImageArchive::Open(spec, problems));
  for (const LabelledImage& image : archive->images()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string file, archive->Read(image));
    Problem place{Printable(image.name, kMaxShownName), 0, 0, "", ""};
    const absl::StatusOr<ImageSize> size = ReadImageSize(file);
    if (!size.ok()) {
      place.message = std::string(size.status().message());
      place.remedy = "Replace the image, or leave it out of the archive.";
      problems.Add(std::move(place));
      continue;
    }
    largest_image_ = std::max(largest_image_, size->width * size->height);
    on_row({image.example, {ImageDigest(file)}, std::move(place)});
  }
  return problems;
}

}  // namespace attune
