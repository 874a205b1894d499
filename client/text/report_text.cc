// SPDX-License-Identifier: Apache-2.0
#include "client/text/report_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>
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

const Json& ObjectAt(const Json& object, const char* key) {
  static const Json* const none = new Json(Json::object());
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : *none;
}

double DoubleAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
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

// "from 1 to 5, mean 3.21".
std::string Targets(const Json& report) {
  const Json& targets = ObjectAt(report, "targets");
  if (targets.empty()) return "";
  return absl::StrCat("from ", MetricText(DoubleAt(targets, "min")), " to ",
                      MetricText(DoubleAt(targets, "max")), ", mean ",
                      MetricText(DoubleAt(targets, "mean")));
}

// What the rows have for a label: classes or numbers.
std::string Labels(const Json& report) {
  std::vector<std::string> parts;
  for (std::string part : {LabelCounts(report), Targets(report)}) {
    if (!part.empty()) parts.push_back(std::move(part));
  }
  if (const int64_t without = IntAt(report, "unlabelled"); without > 0) {
    parts.push_back(absl::StrCat("without a label ", CountText(without)));
  }
  return absl::StrJoin(parts, ", ");
}

// "≤ 64: 1,200, ≤ 128: 3,400".
std::string Lengths(const Json& report, const char* key) {
  std::vector<std::string> parts;
  for (const Json& bucket : ListAt(ObjectAt(report, key), "buckets")) {
    if (!bucket.is_object() || IntAt(bucket, "count") == 0) continue;
    parts.push_back(absl::StrCat("≤ ", CountText(IntAt(bucket, "le")), ": ",
                                 CountText(IntAt(bucket, "count"))));
  }
  return absl::StrJoin(parts, ", ");
}

// "8,102 rows (held out of train): neg 4,051, pos 4,051; 12 cut to 128 tokens".
std::string SetText(const Json& set, int64_t max_length) {
  std::string text = absl::StrCat(CountText(IntAt(set, "rows")), " rows");
  if (const auto held = set.find("held_out"); held != set.end() && *held == true) {
    text += " (held out of train)";
  }
  if (const std::string labels = Labels(set); !labels.empty()) absl::StrAppend(&text, ": ", labels);
  if (const int64_t cut = IntAt(set, "truncated"); cut > 0) {
    absl::StrAppend(&text, "; ", CountText(cut), " cut to ", CountText(max_length), " tokens");
  }
  return text;
}

// "3 rows of eval have the texts of rows of train, first at lines 9 and 2".
std::string OverlapText(const Json& overlap, bool images) {
  const Json& sets = ListAt(overlap, "sets");
  if (sets.size() != 2 || !sets[0].is_string() || !sets[1].is_string()) return "";
  std::string text = absl::StrCat(
      CountText(IntAt(overlap, "rows")), " rows of ", Printable(sets[1].get<std::string>()),
      images ? " have the images of rows of " : " have the texts of rows of ",
      Printable(sets[0].get<std::string>()));
  const Json& lines = ListAt(overlap, "first_lines");
  if (!lines.empty() && lines[0].is_array() && lines[0].size() == 2 &&
      lines[0][0].is_number_integer() && lines[0][1].is_number_integer()) {
    absl::StrAppend(&text, images ? ", first at images " : ", first at lines ",
                    CountText(lines[0][1].get<int64_t>()), " and ",
                    CountText(lines[0][0].get<int64_t>()));
  }
  return text;
}

// "about 1.1 GiB: runtime 165.0 MiB, weights 86.6 MiB, …".
std::string MemoryText(const Json& memory) {
  if (memory.empty()) return "";
  std::vector<std::string> parts;
  for (const char* part :
       {"runtime", "weights", "optimizer", "gradients", "checkpoint", "activations", "data"}) {
    if (const int64_t bytes = IntAt(memory, part); bytes > 0) {
      parts.push_back(absl::StrCat(part, " ", BytesText(bytes)));
    }
  }
  return absl::StrCat("about ", BytesText(IntAt(memory, "estimated_bytes")),
                      parts.empty() ? "" : ": ", absl::StrJoin(parts, ", "));
}

std::string HeadText(const Json& report) {
  const std::string pooling = StringAt(report, "pooling");
  if (pooling == "mean") return "on the mean of all tokens";
  return pooling == "first_token" ? "on the first token" : "";
}

bool IsOfImages(const v1::Dataset& dataset) { return dataset.format() == v1::Dataset::IMAGES; }

std::string FilesText(int64_t files) {
  if (files == 0) return "";
  return absl::StrCat(CountText(files), files == 1 ? " file that is" : " files that are",
                      " no JPEG or PNG by name");
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
  AddLine(text, "labels     ", Labels(report));
  AddLine(text, "duplicates ", CountText(IntAt(report, "duplicates")));
  if (IsOfImages(dataset)) {
    AddLine(text, "pixels     ", Lengths(report, "size_histogram"));
    AddLine(text, "ignored    ", FilesText(IntAt(report, "ignored_members")));
    return text;
  }
  AddLine(text, "empty      ", CountText(IntAt(report, "empty_texts")));
  AddLine(text, "characters ", Lengths(report, "length_histogram"));
  AddLine(text, "target     ", Lengths(report, "target_length_histogram"));
  if (const int64_t same = IntAt(report, "untranslated"); same > 0) {
    AddLine(text, "untranslated ", absl::StrCat(CountText(same), " whose translation is the text"));
  }
  std::vector<std::string> ignored;
  for (const Json& column : ListAt(report, "ignored_columns")) {
    if (column.is_string()) ignored.push_back(Printable(column.get<std::string>()));
  }
  AddLine(text, "ignored    ", absl::StrJoin(ignored, ", "));
  return text;
}

std::string JobReportText(const v1::Job& job) {
  const Json report = ParseReport(job.validation_report_json());
  const Json& sets = ObjectAt(report, "sets");
  const int64_t image_size = IntAt(report, "image_size");
  std::string text;
  for (const auto& [set, label] : {std::pair("train", "train   "), std::pair("eval", "eval    "),
                                   std::pair("test", "test    ")}) {
    const Json& found = ObjectAt(sets, set);
    if (found.empty()) continue;
    AddLine(text, label, SetText(found, IntAt(report, "max_length")));
    AddLine(text, "  tokens  ", Lengths(found, "token_length_histogram"));
    AddLine(text, "  target  ", Lengths(found, "target_token_length_histogram"));
  }
  for (const Json& overlap : ListAt(report, "overlaps")) {
    if (overlap.is_object()) AddLine(text, "overlap ", OverlapText(overlap, image_size > 0));
  }
  AddLine(text, "head    ", HeadText(report));
  if (image_size > 0) {
    AddLine(text, "images  ", absl::StrCat(CountText(image_size), " pixels a side"));
  }
  AddLine(text, "memory  ", MemoryText(ObjectAt(report, "memory")));
  return text;
}

}  // namespace attune
