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
#include "formats/datasets/label_rules.h"
#include "formats/datasets/labelled_text.h"

namespace attune {

class ExampleSink {
 public:
  ExampleSink(const DatasetSpec& spec, LabelledTextScan* scan,
              absl::FunctionRef<void(LabelledExample)> on_example)
      : rules_(spec), scan_(*scan), on_example_(on_example) {}

  const LabelRules& rules() const { return rules_; }

  // Passes a good example on, whose labels are as the file has them; what is wrong with them is a
  // problem at `label_place`.
  void Example(LabelledExample example, Problem label_place);
  void Report(Problem problem) { scan_.problems.Add(std::move(problem)); }
  void Ignore(std::string_view column);

 private:
  const LabelRules rules_;
  LabelledTextScan& scan_;
  absl::FunctionRef<void(LabelledExample)> on_example_;
};

// Each reads a whole file whose byte order mark, if any, was taken.
void ScanDelimitedText(ByteStream& bytes, char delimiter, const DatasetSpec& spec,
                       ExampleSink& sink);
void ScanJsonLines(ByteStream& bytes, const DatasetSpec& spec, ExampleSink& sink);

}  // namespace attune
