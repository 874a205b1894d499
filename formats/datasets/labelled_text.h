// SPDX-License-Identifier: Apache-2.0
// Streaming readers of labelled text: CSV (RFC 4180), TSV, JSONL. Memory is flat: one record at a
// time, at most 1 MiB of it. Input is strict UTF-8 (a UTF-8 byte order mark is skipped); records
// end in LF or CRLF.
//
// CSV and TSV: the first record names the columns. Both quote with '"' as RFC 4180 does; a quoted
// field may hold newlines, the delimiter and doubled quotes. Empty lines are skipped.
// JSONL: one JSON object a line; the text fields are strings. Lines of white space are skipped. A
// column name with dots that is no key itself is a path into nested objects: "translation.en".
//
// The label is what DatasetSpec.label_kind says:
//   single  one class. JSONL: a string, an integer or a boolean (its canonical text is the label)
//   multi   any number of classes, each at most once. CSV and TSV: one field, split by
//           label_separator; an empty one names none. JSONL: a list of what "single" allows
//   number  a finite number, in JSONL as a number or a string
//   text    a text that is not empty: the translation of the row's one text
//   none    not read; the column may be absent
// With label_names, "single" and "multi" labels are keys there, and the values are the classes.
//
// Other columns are ignored and named. A text without any visible character is an example all the
// same, and counted; more than half of them is an error.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"
#include "formats/files/regular_file.h"
#include "formats/problems.h"

namespace attune {

inline constexpr size_t kMaxRecordBytes = 1 << 20;
inline constexpr size_t kMaxColumns = 1024;

struct LabelledExample {
  std::vector<std::string> texts;   // one a text column, in the order of DatasetSpec
  std::vector<std::string> labels;  // class names, in file order: "single" one, "multi" any number
  double target = 0;                // "number"
  std::string translation;          // "text"
  int64_t line = 0;                 // where its record starts
};

struct LabelledTextScan {
  int64_t examples = 0;     // given to the callback
  int64_t empty_texts = 0;  // of these, with no visible character in any text
  int64_t size_bytes = 0;
  std::vector<std::string> ignored_columns;  // in order of appearance, at most 1,024
  Problems problems;
};

// Calls `on_example` for each good record, in file order. All that is wrong in the content is in
// `problems`; a status that is not OK means that the file could not be read (NOT_FOUND, …) or that
// the spec makes no sense (INVALID_ARGUMENT).
absl::StatusOr<LabelledTextScan> ScanLabelledText(
    const DatasetSpec& spec, absl::FunctionRef<void(LabelledExample)> on_example);

// The same of a file that is a part of `file`; spec.path is not looked at.
absl::StatusOr<LabelledTextScan> ScanLabelledText(
    const RegularFile& file, const FileRange& range, const DatasetSpec& spec,
    absl::FunctionRef<void(LabelledExample)> on_example);

// All examples in memory, or INVALID_ARGUMENT/INVALID_DATASET with the problems in its message.
absl::StatusOr<std::vector<LabelledExample>> LoadLabelledText(const DatasetSpec& spec);

}  // namespace attune
