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

inline Scanned Scan(std::string_view format, std::string_view bytes,
                    std::vector<std::string> texts = {"text"}) {
  TempFolder folder;
  const DatasetSpec spec{folder.Write("data", bytes), std::string(format), std::move(texts),
                         "label"};
  Scanned result;
  auto scan = ScanLabelledText(
      spec, [&](LabelledExample example) { result.examples.push_back(std::move(example)); });
  EXPECT_TRUE(scan.ok()) << scan.status();
  if (scan.ok()) result.scan = *std::move(scan);
  return result;
}

}  // namespace attune
