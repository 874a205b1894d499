// SPDX-License-Identifier: Apache-2.0
#include "client/cli/dataset_options.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"

namespace attune {

void AddDatasetOptions(CLI::App& command, DatasetOptions& options) {
  command.add_option("--format", options.format, "csv, tsv or jsonl (default: by the extension)")
      ->check(CLI::IsMember({"csv", "tsv", "jsonl"}));
  command
      .add_option("--text-column", options.text_columns,
                  "Column or key with the text; twice for pairs (default: text)")
      ->allow_extra_args(false);
  command.add_option("--label-column", options.label_column,
                     "Column or key with the label (default: label)");
}

DatasetFile DatasetFileOf(const DatasetOptions& options, const std::string& path,
                          const std::string& id) {
  DatasetFile file;
  file.path = path;
  file.id = id;
  v1::Dataset::Format_Parse(absl::AsciiStrToUpper(options.format), &file.format);
  for (const std::string& column : options.text_columns) file.columns.add_text(column);
  file.columns.set_label(options.label_column);
  return file;
}

}  // namespace attune
