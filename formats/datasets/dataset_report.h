// SPDX-License-Identifier: Apache-2.0
// What somebody wants to know of a dataset before a job runs on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/label_tally.h"
#include "formats/datasets/length_histogram.h"
#include "formats/problems.h"

namespace attune {

struct DatasetReport {
  int64_t rows = 0;  // good ones
  LabelSummary labels;
  LengthHistogram characters;  // of the texts of a row together
  int64_t duplicates = 0;      // rows whose texts stood in an earlier row
  int64_t empty_texts = 0;
  int64_t size_bytes = 0;
  std::vector<std::string> ignored_columns;
  Problems problems;  // those of the file, or that its labels are nothing to learn
};

// As ScanLabelledText: what is wrong in the content is in `problems`. Memory grows by 8 bytes and
// some overhead a row.
absl::StatusOr<DatasetReport> ReportDataset(const DatasetSpec& spec);

}  // namespace attune
