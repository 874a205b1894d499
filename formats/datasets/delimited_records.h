// SPDX-License-Identifier: Apache-2.0
// Records of delimited text as RFC 4180 has them: fields may be quoted with '"', quotes inside are
// doubled, and a quoted field may hold the delimiter and newlines. A '"' that does not start its
// field is an ordinary character. Memory is bounded by kMaxRecordBytes. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/datasets/byte_stream.h"
#include "formats/problems.h"

namespace attune {

struct DelimitedRecord {
  int64_t line = 0;  // where it starts
  std::vector<std::string> fields;
  std::vector<size_t> starts;      // of each field, in raw
  std::string raw;                 // as it stands in the file, at most kMaxRecordBytes of it
  std::optional<Problem> problem;  // then its fields mean nothing
  bool ends_in_lone_cr = false;

  // The place of a byte of `raw`, as Problem counts.
  void Locate(size_t offset, Problem* problem) const;
};

class DelimitedRecords {
 public:
  DelimitedRecords(ByteStream& bytes, char delimiter) : bytes_(bytes), delimiter_(delimiter) {}

  // The next record that is no empty line; false at the end.
  bool Next(DelimitedRecord* record);

 private:
  bool ReadField(DelimitedRecord* record);  // true: another one follows
  void ReadQuoted(DelimitedRecord* record);
  void ReadPlain(DelimitedRecord* record);
  bool EndField(DelimitedRecord* record);
  void Take(DelimitedRecord* record);
  void TakeText(DelimitedRecord* record);
  void CheckText(DelimitedRecord* record) const;

  ByteStream& bytes_;
  const char delimiter_;
  int64_t line_ = 1;
  bool too_long_ = false;
};

}  // namespace attune
