// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/delimited_records.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "formats/datasets/labelled_text.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

void Refuse(DelimitedRecord* record, size_t offset, std::string message, std::string remedy) {
  if (record->problem.has_value()) return;
  Problem problem;
  problem.message = std::move(message);
  problem.remedy = std::move(remedy);
  record->Locate(offset, &problem);
  record->problem = std::move(problem);
}

}  // namespace

void DelimitedRecord::Locate(size_t offset, Problem* place) const {
  const std::string_view before = std::string_view(raw).substr(0, offset);
  const size_t newline = before.rfind('\n');
  const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  place->line = line + std::count(before.begin(), before.end(), '\n');
  place->column = CountCharacters(before.substr(start)) + 1;
}

bool DelimitedRecords::Next(DelimitedRecord* record) {
  while (bytes_.Peek() == '\n' || bytes_.Peek() == '\r') {
    const bool carriage_return = bytes_.Get() == '\r';
    if (carriage_return && bytes_.Peek() == '\n') bytes_.Get();
    ++line_;
  }
  if (bytes_.Peek() == ByteStream::kEnd) return false;
  *record = DelimitedRecord();
  record->line = line_;
  too_long_ = false;
  while (ReadField(record)) {
  }
  CheckText(record);
  return true;
}

bool DelimitedRecords::ReadField(DelimitedRecord* record) {
  if (record->fields.size() == kMaxColumns) {
    Refuse(record, record->raw.size(), absl::StrCat("more than ", kMaxColumns, " columns"),
           "Check the format: is another character the delimiter?");
    record->fields.pop_back();
    record->starts.pop_back();
  }
  record->starts.push_back(record->raw.size());
  record->fields.emplace_back();
  if (bytes_.Peek() == '"') ReadQuoted(record);
  ReadPlain(record);
  return EndField(record);
}

void DelimitedRecords::ReadQuoted(DelimitedRecord* record) {
  const size_t opened = record->raw.size();
  Take(record);
  while (true) {
    const int c = bytes_.Peek();
    if (c == ByteStream::kEnd) {
      record->problem.reset();
      Refuse(record, opened, "the quote that opens here is never closed",
             "Close it, or double each '\"' inside a quoted field.");
      too_long_ = false;
      return;
    }
    if (c == '"') {
      Take(record);
      if (bytes_.Peek() != '"') break;
    }
    TakeText(record);
  }
  const int next = bytes_.Peek();
  if (next != delimiter_ && next != '\n' && next != '\r' && next != ByteStream::kEnd) {
    Refuse(record, record->raw.size(), "text follows the closing quote of a field",
           "Double each '\"' inside a quoted field.");
  }
}

void DelimitedRecords::ReadPlain(DelimitedRecord* record) {
  while (true) {
    const int c = bytes_.Peek();
    if (c == delimiter_ || c == '\n' || c == '\r' || c == ByteStream::kEnd) return;
    TakeText(record);
  }
}

bool DelimitedRecords::EndField(DelimitedRecord* record) {
  const int c = bytes_.Peek();
  if (c == ByteStream::kEnd) return false;
  if (c == delimiter_) {
    Take(record);
    return true;
  }
  bytes_.Get();
  ++line_;
  if (c == '\r' && bytes_.Peek() == '\n') {
    bytes_.Get();
  } else if (c == '\r') {
    record->ends_in_lone_cr = true;
  }
  return false;
}

void DelimitedRecords::Take(DelimitedRecord* record) {
  const char c = static_cast<char>(bytes_.Get());
  if (c == '\n') ++line_;
  if (record->raw.size() == kMaxRecordBytes) {
    too_long_ = true;
  } else {
    record->raw.push_back(c);
  }
}

void DelimitedRecords::TakeText(DelimitedRecord* record) {
  const char c = static_cast<char>(bytes_.Peek());
  Take(record);
  if (!too_long_) record->fields.back().push_back(c);
}

void DelimitedRecords::CheckText(DelimitedRecord* record) const {
  if (too_long_) {
    record->problem.reset();
    Refuse(record, 0, absl::StrCat("the record is longer than ", kMaxRecordBytes, " bytes"),
           "Shorten it, or look for a quote that is not closed.");
    return;
  }
  const std::string_view raw = record->raw;
  const size_t invalid = FindInvalidUtf8(raw);
  const size_t nul = raw.find('\0');
  if (invalid != std::string_view::npos) {
    Refuse(record, invalid, "not valid UTF-8", "Save the file as UTF-8.");
  } else if (nul != std::string_view::npos) {
    Refuse(record, nul, "a NUL byte", "Remove it; the file may not be text.");
  } else if (record->ends_in_lone_cr) {
    Refuse(record, raw.size(), "the line ends in CR without LF",
           "Save the file with LF or CRLF line ends.");
  }
}

}  // namespace attune
