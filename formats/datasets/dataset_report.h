// SPDX-License-Identifier: Apache-2.0
// What somebody wants to know of a dataset before a job runs on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/label_tally.h"
#include "formats/datasets/length_histogram.h"
#include "formats/problems.h"

namespace attune {

// Of a dataset of images.
struct ImageFacts {
  LengthHistogram shorter_sides{32};  // in pixels
  int64_t decoded = 0;                // images whose pixels were read, not their header alone
  int64_t ignored_members = 0;        // of the archive
};

// Of a dataset of pairs: texts and their translations.
struct PairFacts {
  LengthHistogram target_characters;
  int64_t untranslated = 0;  // rows whose two texts are the same
};

struct DatasetReport {
  int64_t rows = 0;  // good ones
  LabelSummary labels;
  LengthHistogram characters;        // of the texts of a row together
  std::optional<ImageFacts> images;  // then there are no texts
  std::optional<PairFacts> pairs;
  int64_t duplicates = 0;  // rows whose texts, or image, stood in an earlier row
  int64_t empty_texts = 0;
  int64_t size_bytes = 0;
  std::vector<std::string> ignored_columns;
  Problems problems;  // those of the file, or that its labels are nothing to learn
};

// Pixels of a dataset that are decoded to see that they can be: minutes at most.
inline constexpr int64_t kDecodedPixels = 4'000'000'000;

// As ScanLabelledText, or ImageArchive::Open: what is wrong in the content is in `problems`. Memory
// grows by 8 bytes and some overhead a row. Images are decoded, in their order, until they have had
// kDecodedPixels together; of later ones the header is read.
absl::StatusOr<DatasetReport> ReportDataset(const DatasetSpec& spec);

}  // namespace attune
