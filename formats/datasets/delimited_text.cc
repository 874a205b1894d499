// SPDX-License-Identifier: Apache-2.0
// CSV and TSV with a header.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/suggestion.h"
#include "formats/datasets/delimited_records.h"
#include "formats/datasets/example_sink.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

struct Columns {
  size_t count = 0;
  std::vector<size_t> texts;
  std::optional<size_t> label;  // nothing: none is read
};

Problem MissingColumn(int64_t line, const std::string& name,
                      const std::vector<std::string>& present) {
  Problem problem{"", line, 1, "", ""};
  problem.message =
      absl::StrCat("no column '", Printable(name), "'; the file has: ", NameList(present));
  const std::string near = Nearest(name, present);
  problem.remedy = near.empty() ? "Name one of these columns."
                                : absl::StrCat("Did you mean '", Printable(near), "'?");
  return problem;
}

// The index of the column, or nothing after a report.
std::optional<size_t> FindColumn(const DelimitedRecord& header, const std::string& name,
                                 ExampleSink& sink) {
  const auto& fields = header.fields;
  const auto found = std::find(fields.begin(), fields.end(), name);
  if (found == fields.end()) {
    sink.Report(MissingColumn(header.line, name, fields));
    return std::nullopt;
  }
  const auto again = std::find(found + 1, fields.end(), name);
  if (again != fields.end()) {
    Problem problem{"", 0, 0, absl::StrCat("two columns are named '", Printable(name), "'"),
                    "Give each column its own name."};
    header.Locate(header.starts[static_cast<size_t>(again - fields.begin())], &problem);
    sink.Report(std::move(problem));
    return std::nullopt;
  }
  return static_cast<size_t>(found - fields.begin());
}

std::optional<Columns> ReadHeader(const DelimitedRecord& header, const DatasetSpec& spec,
                                  ExampleSink& sink) {
  if (header.problem.has_value()) {
    sink.Report(*header.problem);
    return std::nullopt;
  }
  Columns columns;
  columns.count = header.fields.size();
  bool complete = true;
  for (const std::string& name : spec.text_columns) {
    const std::optional<size_t> index = FindColumn(header, name, sink);
    complete = complete && index.has_value();
    columns.texts.push_back(index.value_or(0));
  }
  if (sink.rules().reads_column()) {
    columns.label = FindColumn(header, spec.label_column, sink);
    complete = complete && columns.label.has_value();
  }
  if (!complete) return std::nullopt;
  for (size_t i = 0; i < columns.count; ++i) {
    const bool used = i == columns.label || std::find(columns.texts.begin(), columns.texts.end(),
                                                      i) != columns.texts.end();
    if (!used) sink.Ignore(header.fields[i]);
  }
  return columns;
}

void ReadRecord(DelimitedRecord record, const Columns& columns, ExampleSink& sink) {
  if (record.problem.has_value()) {
    sink.Report(*std::move(record.problem));
    return;
  }
  if (record.fields.size() != columns.count) {
    sink.Report({"", record.line, 1,
                 absl::StrCat("expected ", columns.count, " fields as in the header, found ",
                              record.fields.size()),
                 record.fields.size() > columns.count
                     ? "Put fields that hold the delimiter in quotes."
                     : "Add the missing fields, or look for a line break in an unquoted field."});
    return;
  }
  Problem label_place;
  LabelledExample example;
  example.line = record.line;
  for (const size_t column : columns.texts) {
    example.texts.push_back(std::move(record.fields[column]));
  }
  if (columns.label.has_value()) {
    record.Locate(record.starts[*columns.label], &label_place);
    example.labels = sink.rules().Split(record.fields[*columns.label]);
  }
  sink.Example(std::move(example), std::move(label_place));
}

}  // namespace

void ScanDelimitedText(ByteStream& bytes, char delimiter, const DatasetSpec& spec,
                       ExampleSink& sink) {
  DelimitedRecords records(bytes, delimiter);
  DelimitedRecord record;
  if (!records.Next(&record)) return;
  const std::optional<Columns> columns = ReadHeader(record, spec, sink);
  if (!columns.has_value()) return;
  while (records.Next(&record)) ReadRecord(std::move(record), *columns, sink);
}

}  // namespace attune
