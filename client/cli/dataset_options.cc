// SPDX-License-Identifier: Apache-2.0
#include "client/cli/dataset_options.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/client_errors.h"

namespace attune {

void AddDatasetOptions(CLI::App& command, DatasetOptions& options) {
  command
      .add_option("--format", options.format,
                  "csv, tsv, jsonl or images, a tar (default: by the extension)")
      ->check(CLI::IsMember({"csv", "tsv", "jsonl", "images"}));
  command
      .add_option("--text-column", options.text_columns,
                  "Column or key with the text; twice for pairs (default: text; source, with "
                  "translations). In JSONL translation.en is en within translation")
      ->allow_extra_args(false);
  command.add_option(
      "--label-column", options.label_column,
      "Column or key with the label (default: label; target, with translations); of images: key of "
      "metadata.jsonl");
  command
      .add_option("--label-kind", options.label_kind,
                  "single (default), multi: several classes a row, number: regression, text: a "
                  "translation, none: rows to predict")
      ->check(CLI::IsMember({"single", "multi", "number", "text", "none"}));
  command.add_option("--label-separator", options.label_separator,
                     "With multi in CSV and TSV: what stands between classes (default: |)");
  command
      .add_option("--label-name", options.label_names,
                  "RAW=NAME: what the file calls a class, and its name; once for each class")
      ->allow_extra_args(false);
}

absl::StatusOr<DatasetFile> DatasetFileOf(const DatasetOptions& options, const std::string& path,
                                          const std::string& id) {
  DatasetFile file;
  file.path = path;
  file.id = id;
  v1::Dataset::Format_Parse(absl::AsciiStrToUpper(options.format), &file.format);
  v1::TextColumns& columns = file.columns;
  for (const std::string& column : options.text_columns) columns.add_text(column);
  columns.set_label(options.label_column);
  v1::LabelKind kind = v1::LABEL_KIND_UNSPECIFIED;
  v1::LabelKind_Parse(absl::StrCat("LABEL_KIND_", absl::AsciiStrToUpper(options.label_kind)),
                      &kind);
  columns.set_label_kind(kind);
  columns.set_label_separator(options.label_separator);
  for (const std::string& pair : options.label_names) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals + 1 == pair.size()) {
      return ClientError(ClientReason::kUsage,
                         absl::StrCat("--label-name ", pair, ": expected RAW=NAME"),
                         "for example --label-name 0=negative --label-name 1=positive");
    }
    (*columns.mutable_label_names())[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return file;
}

}  // namespace attune
