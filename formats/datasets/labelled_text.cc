// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/labelled_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/example_sink.h"
#include "formats/files/file_kind.h"
#include "formats/files/regular_file.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

std::optional<Problem> NotText(std::string_view beginning) {
  using Family = FileKind::Family;
  const FileKind* kind = KindOfFile(beginning);
  const bool may_be_text = kind == nullptr || kind->family == Family::kDocument || kind->offset > 0;
  if (may_be_text) return std::nullopt;
  std::string remedy = "Unpack it and hand in the text file itself.";
  if (kind->family == Family::kTable) remedy = "Export it as CSV or JSONL.";
  if (kind->family == Family::kWideText) remedy = "Save the file as UTF-8.";
  if (kind->family == Family::kImage) remedy = "Put images into a tar, and name its format images.";
  return Problem{"", 1, 1, absl::StrCat("this is ", std::string(kind->what), ", not UTF-8 text"),
                 remedy};
}

absl::Status CheckSpec(const DatasetSpec& spec) {
  std::vector<FieldViolation> violations;
  if (spec.format != "csv" && spec.format != "tsv" && spec.format != "jsonl") {
    violations.push_back(
        {"format", absl::StrCat("must be csv, tsv or jsonl, got '", Printable(spec.format), "'")});
  }
  if (spec.text_columns.empty() || spec.text_columns.size() > 2) {
    violations.push_back(
        {"text_columns",
         absl::StrCat("must name one column, or two for pairs, got ", spec.text_columns.size())});
  } else if (spec.label_kind == "text" && spec.text_columns.size() != 1) {
    violations.push_back(
        {"text_columns", "must name one column: label kind text is the translation of one text"});
  }
  for (FieldViolation& violation : CheckLabelSpec(spec)) {
    violations.push_back(std::move(violation));
  }
  std::vector<std::string> names = spec.text_columns;
  const bool labelled = spec.label_kind != "none";
  if (labelled) names.push_back(spec.label_column);
  std::sort(names.begin(), names.end());
  if (!names.empty() && names.front().empty()) {
    violations.push_back({labelled && spec.label_column.empty() ? "label_column" : "text_columns",
                          "a column name must not be empty"});
  } else if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
    violations.push_back({labelled ? "label_column" : "text_columns",
                          labelled ? "text and label must be different columns"
                                   : "the text columns must be different"});
  }
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

void CheckWhole(LabelledTextScan* scan) {
  if (scan->examples == 0 && scan->problems.empty()) {
    scan->problems.Add("0 examples: the file has no rows", "Add labelled rows.");
  }
  if (scan->empty_texts * 2 > scan->examples) {
    scan->problems.Add(absl::StrCat("more than half of the examples have no text (",
                                    scan->empty_texts, " of ", scan->examples, ")"),
                       "Check which column holds the text, or remove these rows.");
  }
}

void SkipByteOrderMark(std::string_view beginning, ByteStream& bytes) {
  if (beginning != "\xEF\xBB\xBF") return;
  for (size_t i = 0; i < beginning.size(); ++i) bytes.Get();
}

// Of a spec that was checked.
absl::StatusOr<LabelledTextScan> Scan(const RegularFile& file, const FileRange& range,
                                      const DatasetSpec& spec,
                                      absl::FunctionRef<void(LabelledExample)> on_example) {
  LabelledTextScan scan;
  scan.size_bytes = range.size_bytes;
  char start[16] = {};
  ATTUNE_ASSIGN_OR_RETURN(const size_t got, file.ReadSome(range.offset, absl::MakeSpan(start)));
  const std::string_view beginning(start,
                                   std::min<size_t>(got, static_cast<size_t>(range.size_bytes)));
  if (std::optional<Problem> problem = NotText(beginning)) {
    scan.problems.Add(*std::move(problem));
    return scan;
  }
  ByteStream bytes(file, range);
  SkipByteOrderMark(beginning.substr(0, 3), bytes);
  ExampleSink sink(spec, &scan, on_example);
  if (spec.format == "jsonl") {
    ScanJsonLines(bytes, spec, sink);
  } else {
    ScanDelimitedText(bytes, spec.format == "csv" ? ',' : '\t', spec, sink);
  }
  ATTUNE_RETURN_IF_ERROR(bytes.status());
  CheckWhole(&scan);
  return scan;
}

}  // namespace

void ExampleSink::Example(LabelledExample example, Problem label_place) {
  if (!rules_.Apply(&example, &label_place)) {
    Report(std::move(label_place));
    return;
  }
  ++scan_.examples;
  if (std::all_of(example.texts.begin(), example.texts.end(), IsBlank)) ++scan_.empty_texts;
  on_example_(std::move(example));
}

void ExampleSink::Ignore(std::string_view column) {
  auto& names = scan_.ignored_columns;
  if (names.size() == kMaxColumns || std::find(names.begin(), names.end(), column) != names.end()) {
    return;
  }
  names.push_back(Printable(column));
}

absl::StatusOr<LabelledTextScan> ScanLabelledText(
    const DatasetSpec& spec, absl::FunctionRef<void(LabelledExample)> on_example) {
  ATTUNE_RETURN_IF_ERROR(CheckSpec(spec));
  ATTUNE_ASSIGN_OR_RETURN(const RegularFile file, RegularFile::Open(spec.path));
  return Scan(file, {0, file.size()}, spec, on_example);
}

absl::StatusOr<LabelledTextScan> ScanLabelledText(
    const RegularFile& file, const FileRange& range, const DatasetSpec& spec,
    absl::FunctionRef<void(LabelledExample)> on_example) {
  ATTUNE_RETURN_IF_ERROR(CheckSpec(spec));
  return Scan(file, range, spec, on_example);
}

absl::StatusOr<std::vector<LabelledExample>> LoadLabelledText(const DatasetSpec& spec) {
  std::vector<LabelledExample> examples;
  ATTUNE_ASSIGN_OR_RETURN(const LabelledTextScan scan,
                          ScanLabelledText(spec, [&examples](LabelledExample example) {
                            examples.push_back(std::move(example));
                          }));
  ATTUNE_RETURN_IF_ERROR(scan.problems.ToStatus("INVALID_DATASET", "the dataset"));
  return examples;
}

}  // namespace attune
