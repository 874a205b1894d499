// SPDX-License-Identifier: Apache-2.0
// Text in, what the reader makes of it out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/datasets/labelled_text.h"
#include "gtest/gtest.h"
#include "tests/formats/temp_folder.h"

namespace attune {

struct Scanned {
  std::vector<LabelledExample> examples;
  LabelledTextScan scan;

  // "line:column message" of the only problem, or how many there are.
  std::string OnlyProblem() const {
    if (scan.problems.count() != 1) return std::to_string(scan.problems.count()) + " problems";
    const Problem& problem = scan.problems.first()[0];
    return std::to_string(problem.line) + ":" + std::to_string(problem.column) + " " +
           problem.message;
  }
};

// All but the path are as in `spec`.
inline Scanned Scan(DatasetSpec spec, std::string_view bytes) {
  TempFolder folder;
  spec.path = folder.Write("data", bytes);
  Scanned result;
  auto scan = ScanLabelledText(
      spec, [&](LabelledExample example) { result.examples.push_back(std::move(example)); });
  EXPECT_TRUE(scan.ok()) << scan.status();
  if (scan.ok()) result.scan = *std::move(scan);
  return result;
}

inline Scanned Scan(std::string_view format, std::string_view bytes,
                    std::vector<std::string> texts = {"text"}) {
  return Scan(DatasetSpec{"", std::string(format), std::move(texts), "label"}, bytes);
}

}  // namespace attune
