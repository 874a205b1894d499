// SPDX-License-Identifier: Apache-2.0
// Where the readers of each format put what they find: examples to the caller, problems and counts
// into the scan. Internal to formats/datasets.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/byte_stream.h"
#include "formats/datasets/labelled_text.h"

namespace attune {

class ExampleSink {
 public:
  ExampleSink(LabelledTextScan* scan, absl::FunctionRef<void(LabelledExample)> on_example)
      : scan_(*scan), on_example_(on_example) {}

  // Passes a good example on; a label that cannot name a class is a problem at `label_place`.
  void Example(LabelledExample example, Problem label_place);
  void Report(Problem problem) { scan_.problems.Add(std::move(problem)); }
  void Ignore(std::string_view column);

 private:
  LabelledTextScan& scan_;
  absl::FunctionRef<void(LabelledExample)> on_example_;
};

// Each reads a whole file whose byte order mark, if any, was taken.
void ScanDelimitedText(ByteStream& bytes, char delimiter, const DatasetSpec& spec,
                       ExampleSink& sink);
void ScanJsonLines(ByteStream& bytes, const DatasetSpec& spec, ExampleSink& sink);

}  // namespace attune
