// SPDX-License-Identifier: Apache-2.0
#include "client/text/report_text.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/text/words.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxProblemLines = 20;
constexpr size_t kMaxLabels = 20;

Json ParseReport(const std::string& report_json) {
  Json report = Json::parse(report_json, nullptr, /*allow_exceptions=*/false);
  return report.is_object() ? report : Json::object();
}

const Json& ListAt(const Json& object, const char* key) {
  static const Json* const none = new Json(Json::array());
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : *none;
}

std::string StringAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t IntAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::string ProblemLine(const Json& problem, const std::string& file) {
  std::string line = Printable(StringAt(problem, "where"));
  if (line.empty()) line = Printable(file);
  if (const int64_t number = IntAt(problem, "line"); number > 0) {
    absl::StrAppend(&line, ":", number);
    if (const int64_t column = IntAt(problem, "column"); column > 0) {
      absl::StrAppend(&line, ":", column);
    }
  }
  absl::StrAppend(&line, ": ", Printable(StringAt(problem, "message")));
  if (const std::string remedy = StringAt(problem, "remedy"); !remedy.empty()) {
    absl::StrAppend(&line, "\n  try: ", Printable(remedy));
  }
  return line + "\n";
}

std::string ReportLines(const std::string& report_json, const std::string& file,
                        const std::string& message) {
  const Json report = ParseReport(report_json);
  const Json& problems = ListAt(report, "errors");
  if (problems.empty()) return absl::StrCat(Printable(message, /*multiline=*/true), "\n");
  std::string lines;
  const size_t shown = std::min(problems.size(), kMaxProblemLines);
  for (size_t i = 0; i < shown; ++i) {
    if (problems[i].is_object()) lines += ProblemLine(problems[i], file);
  }
  const int64_t count =
      std::max<int64_t>(IntAt(report, "error_count"), static_cast<int64_t>(problems.size()));
  if (count > static_cast<int64_t>(shown)) {
    absl::StrAppend(&lines, "and ", CountText(count - static_cast<int64_t>(shown)), " more\n");
  }
  return lines;
}

// "neg 4,265, pos 4,265".
std::string LabelCounts(const Json& report) {
  const Json& labels = ListAt(report, "labels");
  std::vector<std::string> parts;
  for (size_t i = 0; i < std::min(labels.size(), kMaxLabels); ++i) {
    if (!labels[i].is_object()) continue;
    parts.push_back(absl::StrCat(Printable(StringAt(labels[i], "label")), " ",
                                 CountText(IntAt(labels[i], "count"))));
  }
  if (labels.size() > kMaxLabels) {
    parts.push_back(
        absl::StrCat("and ", CountText(static_cast<int64_t>(labels.size() - kMaxLabels)), " more"));
  }
  return absl::StrJoin(parts, ", ");
}

// "≤ 64: 1,200, ≤ 128: 3,400".
std::string Lengths(const Json& report) {
  const auto histogram = report.find("length_histogram");
  if (histogram == report.end() || !histogram->is_object()) return "";
  std::vector<std::string> parts;
  for (const Json& bucket : ListAt(*histogram, "buckets")) {
    if (!bucket.is_object() || IntAt(bucket, "count") == 0) continue;
    parts.push_back(absl::StrCat("≤ ", CountText(IntAt(bucket, "le")), ": ",
                                 CountText(IntAt(bucket, "count"))));
  }
  return absl::StrJoin(parts, ", ");
}

void AddLine(std::string& text, const char* name, const std::string& value) {
  if (!value.empty()) absl::StrAppend(&text, "  ", name, value, "\n");
}

}  // namespace

std::string ProblemLines(const v1::Dataset& dataset) {
  return ReportLines(dataset.report_json(), dataset.file().path(), dataset.error_message());
}

std::string ProblemLines(const v1::Model& model) {
  return ReportLines(model.report_json(), model.name(), model.error_message());
}

std::string DatasetReportText(const v1::Dataset& dataset) {
  const Json report = ParseReport(dataset.report_json());
  std::string text =
      absl::StrCat(dataset.name(), " ", v1::Dataset::State_Name(dataset.state()), "\n");
  AddLine(text, "rows       ", CountText(IntAt(report, "rows")));
  AddLine(text, "labels     ", LabelCounts(report));
  AddLine(text, "duplicates ", CountText(IntAt(report, "duplicates")));
  AddLine(text, "empty      ", CountText(IntAt(report, "empty_texts")));
  AddLine(text, "characters ", Lengths(report));
  std::vector<std::string> ignored;
  for (const Json& column : ListAt(report, "ignored_columns")) {
    if (column.is_string()) ignored.push_back(Printable(column.get<std::string>()));
  }
  AddLine(text, "ignored    ", absl::StrJoin(ignored, ", "));
  return text;
}

}  // namespace attune
