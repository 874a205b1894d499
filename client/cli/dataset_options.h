// SPDX-License-Identifier: Apache-2.0
// How a local data file is to be read; the flags that `datasets add` and `submit` share.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/input_publisher.h"

namespace CLI {
class App;
}

namespace attune {

struct DatasetOptions {
  std::string format;
  std::vector<std::string> text_columns;
  std::string label_column;
  std::string label_kind;
  std::string label_separator;
  std::vector<std::string> label_names;  // "0=negative"
};

void AddDatasetOptions(CLI::App& command, DatasetOptions& options);

// kUsage for a label name that is not RAW=NAME.
absl::StatusOr<DatasetFile> DatasetFileOf(const DatasetOptions& options, const std::string& path,
                                          const std::string& id);

}  // namespace attune
