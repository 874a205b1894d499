// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/input_validator.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/resource_name.h"
#include "server/jobs/field_checks.h"
#include "server/jobs/task_validator.h"

namespace attune {
namespace {

constexpr int kMaxFiles = 1000;
constexpr size_t kMaxPath = 255;
constexpr size_t kMaxDisplayName = 128;
constexpr size_t kMaxColumnName = 256;
constexpr size_t kMaxLabelNames = 1000;
constexpr int kMaxRows = 32;
constexpr size_t kMaxTextBytes = 64 << 10;
// Rows travel in one message, of 4 MiB at most.
constexpr size_t kMaxTextsBytes = 2 << 20;
constexpr size_t kMaxRowsBytes = 3 << 20;

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) return true;
  }
  return false;
}

bool IsRelativePath(std::string_view path) {
  if (path.empty() || path.size() > kMaxPath || path.front() == '/' || HasControl(path) ||
      path.find('\\') != std::string_view::npos) {
    return false;
  }
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(path.data(), path.size()), '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

void CheckId(const std::string& id, const char* field, std::vector<FieldViolation>& out) {
  if (!IsResourceId(id)) {
    out.push_back({field, "must match [a-z]([a-z0-9-]{0,61}[a-z0-9])?"});
  }
}

void CheckDisplayName(const std::string& name, const char* field,
                      std::vector<FieldViolation>& out) {
  if (name.size() > kMaxDisplayName || HasControl(name)) {
    out.push_back(
        {field, absl::StrCat("at most ", kMaxDisplayName, " bytes without control characters")});
  }
}

void CheckFile(const v1::FileRef& file, const std::string& field,
               std::vector<FieldViolation>& out) {
  if (!IsRelativePath(file.path())) {
    out.push_back({field + ".path", "must be a relative path without '..', at most 255 bytes"});
  }
  if (!IsSha256Hex(file.sha256())) {
    out.push_back({field + ".sha256", "must be 64 lower-case hex digits"});
  }
  if (file.size_bytes() < 0) {
    out.push_back({field + ".size_bytes", absl::StrCat("must be ≥ 0, got ", file.size_bytes())});
  }
}

bool IsName(const std::string& text) {
  return !text.empty() && text.size() <= kMaxColumnName && !HasControl(text);
}

void CheckColumns(const v1::Dataset& dataset, std::vector<FieldViolation>& out) {
  const v1::TextColumns& columns = dataset.columns();
  if (dataset.format() == v1::Dataset::IMAGES) {
    if (columns.text_size() > 0) {
      out.push_back({"dataset.columns.text", "must be empty: a dataset of images has no texts"});
    }
    if (columns.label_kind() == v1::LABEL_KIND_TEXT) {
      out.push_back({"dataset.columns.label_kind",
                     "must not be LABEL_KIND_TEXT: that is the translation of a text, and this is "
                     "a dataset of images"});
    }
  } else if (columns.text_size() < 1 || columns.text_size() > 2) {
    out.push_back({"dataset.columns.text", "must name one column, or two for pairs"});
  } else if (columns.label_kind() == v1::LABEL_KIND_TEXT && columns.text_size() != 1) {
    out.push_back({"dataset.columns.text",
                   "must name one column, the source: with LABEL_KIND_TEXT the label column is its "
                   "translation"});
  }
  std::vector<std::string> named = {columns.text().begin(), columns.text().end()};
  if (columns.label_kind() != v1::LABEL_KIND_NONE) named.push_back(columns.label());
  if (std::set<std::string>(named.begin(), named.end()).size() != named.size()) {
    out.push_back({"dataset.columns", "text and label columns must differ"});
  }
  if (!std::all_of(named.begin(), named.end(), IsName)) {
    out.push_back(
        {"dataset.columns", "column names must be 1 to 256 bytes without control characters"});
  }
}

// One character of UTF-8, which proto3 strings are.
bool IsOneCharacter(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }) == 1;
}

void CheckLabels(const v1::TextColumns& columns, std::vector<FieldViolation>& out) {
  const v1::LabelKind kind = columns.label_kind();
  if (!v1::LabelKind_IsValid(kind)) {
    out.push_back({"dataset.columns.label_kind",
                   absl::StrCat("must be LABEL_KIND_SINGLE, LABEL_KIND_MULTI, LABEL_KIND_NUMBER, "
                                "LABEL_KIND_NONE or LABEL_KIND_TEXT, got ",
                                static_cast<int>(kind))});
  }
  const std::string& separator = columns.label_separator();
  if (!separator.empty() && kind != v1::LABEL_KIND_MULTI) {
    out.push_back({"dataset.columns.label_separator", "has a meaning with LABEL_KIND_MULTI only"});
  } else if (!separator.empty() && (!IsOneCharacter(separator) || HasControl(separator))) {
    out.push_back({"dataset.columns.label_separator", "must be one character, none of control"});
  }
  if (columns.label_names().empty()) return;
  if (kind == v1::LABEL_KIND_NUMBER || kind == v1::LABEL_KIND_NONE || kind == v1::LABEL_KIND_TEXT) {
    out.push_back({"dataset.columns.label_names", "has a meaning for classes only"});
  }
  if (columns.label_names().size() > kMaxLabelNames) {
    out.push_back({"dataset.columns.label_names",
                   absl::StrCat("may have at most ", kMaxLabelNames, " entries, got ",
                                columns.label_names().size())});
    return;
  }
  const bool plain =
      std::all_of(columns.label_names().begin(), columns.label_names().end(),
                  [](const auto& entry) { return IsName(entry.first) && IsName(entry.second); });
  if (!plain) {
    out.push_back({"dataset.columns.label_names",
                   "labels and names must be 1 to 256 bytes without control characters"});
  }
}

struct RowBytes {
  size_t texts = 0, images = 0;
};

void CheckRow(const v1::TextRow& row, const std::string& field, RowBytes& together,
              std::vector<FieldViolation>& out) {
  together.images += row.image().size();
  if (!row.image().empty()) {
    if (!row.texts().empty()) out.push_back({field, "must hold texts or an image, not both"});
  } else if (row.texts().empty() || row.texts_size() > 2) {
    out.push_back({field + ".texts",
                   absl::StrCat("must hold one text, or two for a pair, got ", row.texts_size())});
  }
  for (int i = 0; i < row.texts_size(); ++i) {
    const size_t bytes = row.texts(i).size();
    together.texts += bytes;
    if (bytes <= kMaxTextBytes) continue;
    out.push_back({absl::StrCat(field, ".texts[", i, "]"),
                   absl::StrCat("must have at most ", kMaxTextBytes, " bytes, got ", bytes)});
  }
}

}  // namespace

std::vector<FieldViolation> ValidateDataset(const v1::CreateDatasetRequest& request) {
  std::vector<FieldViolation> out;
  const v1::Dataset& dataset = request.dataset();
  CheckId(request.dataset_id(), "dataset_id", out);
  CheckDisplayName(dataset.display_name(), "dataset.display_name", out);
  if (!dataset.has_file()) {
    out.push_back({"dataset.file", "required: upload the file, then name its digest here"});
  } else {
    CheckFile(dataset.file(), "dataset.file", out);
  }
  if (dataset.format() == v1::Dataset::FORMAT_UNSPECIFIED ||
      !v1::Dataset::Format_IsValid(dataset.format())) {
    out.push_back({"dataset.format",
                   "must be CSV, TSV, JSONL or IMAGES (a tar that is not compressed); the file's "
                   "extension does not tell which"});
  }
  CheckColumns(dataset, out);
  CheckLabels(dataset.columns(), out);
  return out;
}

std::vector<FieldViolation> ValidateModel(const v1::CreateModelRequest& request) {
  std::vector<FieldViolation> out;
  const v1::Model& model = request.model();
  CheckId(request.model_id(), "model_id", out);
  CheckDisplayName(model.display_name(), "model.display_name", out);
  if (model.files_size() < 1 || model.files_size() > kMaxFiles) {
    out.push_back({"model.files",
                   absl::StrCat("must hold 1 to ", kMaxFiles, " files, got ", model.files_size())});
    return out;
  }
  std::set<std::string> paths;
  for (int i = 0; i < model.files_size(); ++i) {
    const std::string field = absl::StrCat("model.files[", i, "]");
    CheckFile(model.files(i), field, out);
    if (!paths.insert(model.files(i).path()).second) {
      out.push_back({field + ".path", "stands there twice"});
    }
  }
  return out;
}

std::vector<FieldViolation> ValidatePrediction(const v1::PredictRequest& request) {
  std::vector<FieldViolation> out;
  if (request.rows_size() < 1 || request.rows_size() > kMaxRows) {
    out.push_back({"rows", absl::StrCat("must hold 1 to ", kMaxRows, " rows, got ",
                                        request.rows_size(), "; predict more with a job")});
    return out;
  }
  if (request.max_length() < 0) {
    out.push_back({"max_length", absl::StrCat("must be ≥ 0, got ", request.max_length())});
  }
  FieldChecks checks;
  CheckDecoding("decoding", request.decoding(), checks);
  for (FieldViolation& violation : checks.Take()) out.push_back(std::move(violation));
  RowBytes together;
  for (int i = 0; i < request.rows_size(); ++i) {
    CheckRow(request.rows(i), absl::StrCat("rows[", i, "]"), together, out);
  }
  if (together.texts > kMaxTextsBytes) {
    out.push_back({"rows", absl::StrCat("must have at most ", kMaxTextsBytes,
                                        " bytes of text together, got ", together.texts)});
  }
  if (together.texts + together.images > kMaxRowsBytes) {
    out.push_back({"rows", absl::StrCat("must have at most ", kMaxRowsBytes,
                                        " bytes together, got ", together.texts + together.images,
                                        "; send fewer or smaller images, or predict a dataset of "
                                        "them with a job")});
  }
  return out;
}

void FillDefaults(v1::Dataset& dataset) {
  if (dataset.format() == v1::Dataset::FORMAT_UNSPECIFIED) {
    const std::string path = absl::AsciiStrToLower(dataset.file().path());
    if (absl::EndsWith(path, ".csv")) dataset.set_format(v1::Dataset::CSV);
    if (absl::EndsWith(path, ".tsv")) dataset.set_format(v1::Dataset::TSV);
    if (absl::EndsWith(path, ".jsonl")) dataset.set_format(v1::Dataset::JSONL);
    if (absl::EndsWith(path, ".tar")) dataset.set_format(v1::Dataset::IMAGES);
  }
  v1::TextColumns& columns = *dataset.mutable_columns();
  const bool pairs = columns.label_kind() == v1::LABEL_KIND_TEXT;
  if (columns.text().empty() && dataset.format() != v1::Dataset::IMAGES) {
    columns.add_text(pairs ? "source" : "text");
  }
  if (columns.label().empty()) columns.set_label(pairs ? "target" : "label");
}

}  // namespace attune
