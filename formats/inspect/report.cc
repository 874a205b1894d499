// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/report.h"

#include "absl/strings/str_cat.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json HistogramJson(const LengthHistogram& histogram, const char* unit) {
  Json buckets = Json::array();
  for (const LengthHistogram::Bucket& bucket : histogram.buckets()) {
    buckets.push_back({{"le", bucket.le}, {"count", bucket.count}});
  }
  return {{"unit", unit}, {"buckets", std::move(buckets)}};
}

void AddProblems(const Problems& problems, Json* json) {
  Json errors = Json::array();
  for (const Problem& problem : problems.first()) {
    errors.push_back({{"where", problem.where},
                      {"line", problem.line},
                      {"column", problem.column},
                      {"message", problem.message},
                      {"remedy", problem.remedy}});
  }
  (*json)["error_count"] = problems.count();
  (*json)["errors"] = std::move(errors);
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string ToJson(const DatasetReport& report) {
  Json labels = Json::array();
  for (const LabelCount& label : report.labels) {
    labels.push_back(
        {{"label", label.label}, {"count", label.count}, {"first_line", label.first_line}});
  }
  Json json = {{"ok", report.problems.empty()},
               {"rows", report.rows},
               {"labels", std::move(labels)},
               {"length_histogram", HistogramJson(report.characters, "characters")},
               {"duplicates", report.duplicates},
               {"empty_texts", report.empty_texts},
               {"ignored_columns", report.ignored_columns},
               {"size_bytes", report.size_bytes}};
  AddProblems(report.problems, &json);
  return Dump(json);
}

std::string ToJson(const ModelReport& report) {
  Json json = {{"ok", report.problems.empty()},       {"model_type", report.model_type},
               {"architecture", report.architecture}, {"parameters", report.parameters},
               {"hidden_size", report.hidden_size},   {"layers", report.layers},
               {"max_length", report.max_length},     {"vocab_size", report.vocab_size},
               {"tokenizer", report.tokenizer}};
  AddProblems(report.problems, &json);
  return Dump(json);
}

std::string ToJson(const JobReport& report) {
  Json json = {{"ok", report.problems.empty()},
               {"train_examples", report.train_examples},
               {"eval_examples", report.eval_examples},
               {"test_examples", report.test_examples},
               {"token_length_histogram", HistogramJson(report.token_lengths, "tokens")},
               {"max_tokens", report.max_tokens},
               {"truncated", report.truncated},
               {"tokens", report.tokens},
               {"overlap_train_eval", report.overlap_train_eval},
               {"overlap_train_test", report.overlap_train_test}};
  AddProblems(report.problems, &json);
  return Dump(json);
}

std::string ToText(const DatasetReport& report) {
  std::string text =
      absl::StrCat(report.rows, " rows, ", report.size_bytes, " bytes, ", report.duplicates,
                   " duplicates, ", report.empty_texts, " empty texts\n");
  for (const LabelCount& label : report.labels) {
    absl::StrAppend(&text, "  label ", Printable(label.label), ": ", label.count, "\n");
  }
  for (const LengthHistogram::Bucket& bucket : report.characters.buckets()) {
    absl::StrAppend(&text, "  up to ", bucket.le, " characters: ", bucket.count, "\n");
  }
  if (!report.ignored_columns.empty()) {
    absl::StrAppend(&text, "  ignored columns: ", NameList(report.ignored_columns), "\n");
  }
  if (report.problems.empty()) return text;
  absl::StrAppend(&text, report.problems.count(), " problems:\n");
  for (const Problem& problem : report.problems.first()) {
    absl::StrAppend(&text, "  ", ToText(problem), "\n");
  }
  return text;
}

}  // namespace attune
