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

void AddLabels(const LabelSummary& labels, Json* json) {
  Json classes = Json::array();
  for (const LabelCount& label : labels.classes) {
    classes.push_back(
        {{"label", label.label}, {"count", label.count}, {"first_line", label.first_line}});
  }
  (*json)["label_kind"] = labels.kind;
  (*json)["labels"] = std::move(classes);
  if (labels.kind == "multi") (*json)["unlabelled"] = labels.unlabelled;
  if (labels.targets.has_value()) {
    const TargetRange& range = *labels.targets;
    (*json)["targets"] = {{"min", range.min}, {"max", range.max}, {"mean", range.mean}};
  }
}

Json SetsJson(const JobReport& report) {
  Json json = Json::object();
  for (const auto& [name, set] : report.sets) {
    Json& one = json[name];
    one = {{"rows", set.rows.rows}, {"held_out", set.held_out}};
    AddLabels(set.labels, &one);
    if (report.image_size > 0) continue;
    one["token_length_histogram"] = HistogramJson(set.token_lengths, "tokens");
    one["max_tokens"] = set.max_tokens;
    one["truncated"] = set.truncated;
    one["tokens"] = set.rows.tokens;
    if (set.labels.kind != "text") continue;
    one["target_token_length_histogram"] = HistogramJson(set.target_lengths, "tokens");
    one["max_target_tokens"] = set.max_target_tokens;
    one["target_tokens"] = set.targets.tokens;
  }
  return json;
}

Json OverlapsJson(const std::vector<SetOverlap>& overlaps) {
  Json json = Json::array();
  for (const SetOverlap& overlap : overlaps) {
    Json lines = Json::array();
    for (const auto& [first, second] : overlap.first_lines) {
      lines.push_back(Json::array({first, second}));
    }
    json.push_back({{"sets", Json::array({overlap.first, overlap.second})},
                    {"rows", overlap.rows},
                    {"first_lines", std::move(lines)}});
  }
  return json;
}

Json MemoryJson(const std::optional<MemoryEstimate>& memory) {
  if (!memory.has_value()) return nullptr;
  return {{"estimated_bytes", memory->total()},
          {"weights", memory->weights},
          {"optimizer", memory->optimizer},
          {"gradients", memory->gradients},
          {"activations", memory->activations},
          {"checkpoint", memory->checkpoint},
          {"data", memory->data},
          {"runtime", memory->runtime}};
}

void AddSizes(const LengthHistogram& sizes, const char* unit, std::string* text) {
  for (const LengthHistogram::Bucket& bucket : sizes.buckets()) {
    absl::StrAppend(text, "  up to ", bucket.le, " ", unit, ": ", bucket.count, "\n");
  }
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string ToJson(const DatasetReport& report) {
  Json json = {{"ok", report.problems.empty()}, {"rows", report.rows}};
  AddLabels(report.labels, &json);
  const auto& images = report.images;
  json[images.has_value() ? "size_histogram" : "length_histogram"] =
      images.has_value() ? HistogramJson(images->shorter_sides, "pixels")
                         : HistogramJson(report.characters, "characters");
  json["duplicates"] = report.duplicates;
  if (images.has_value()) {
    json["decoded"] = images->decoded;
    json["ignored_members"] = images->ignored_members;
  } else {
    json["empty_texts"] = report.empty_texts;
    json["ignored_columns"] = report.ignored_columns;
  }
  if (const auto& pairs = report.pairs; pairs.has_value()) {
    json["target_length_histogram"] = HistogramJson(pairs->target_characters, "characters");
    json["untranslated"] = pairs->untranslated;
  }
  json["size_bytes"] = report.size_bytes;
  AddProblems(report.problems, &json);
  return Dump(json);
}

std::string ToJson(const ModelReport& report) {
  Json json = {{"ok", report.problems.empty()},       {"model_type", report.model_type},
               {"architecture", report.architecture}, {"parameters", report.parameters},
               {"hidden_size", report.hidden_size},   {"layers", report.layers},
               {"max_length", report.max_length},     {"vocab_size", report.vocab_size},
               {"tokenizer", report.tokenizer},       {"labels", report.labels},
               {"problem_type", report.problem_type}, {"pooling", report.pooling},
               {"image_size", report.image_size}};
  AddProblems(report.problems, &json);
  return Dump(json);
}

std::string ToJson(const JobReport& report) {
  Json json = {{"ok", report.problems.empty()},
               {"work", report.work},
               {"max_length", report.max_length},
               {"pooling", report.pooling},
               {"sets", SetsJson(report)},
               {"overlaps", OverlapsJson(report.overlaps)},
               {"model_labels", report.model_labels},
               {"memory", MemoryJson(report.memory)}};
  if (report.image_size > 0) json["image_size"] = report.image_size;
  AddProblems(report.problems, &json);
  return Dump(json);
}

std::string ToText(const DatasetReport& report) {
  const auto& images = report.images;
  std::string text = absl::StrCat(report.rows, " rows, ", report.size_bytes, " bytes, ",
                                  report.duplicates, " duplicates, ");
  if (images.has_value()) {
    absl::StrAppend(&text, images->ignored_members, " other files\n");
  } else {
    absl::StrAppend(&text, report.empty_texts, " empty texts\n");
  }
  for (const LabelCount& label : report.labels.classes) {
    absl::StrAppend(&text, "  label ", Printable(label.label), ": ", label.count, "\n");
  }
  if (report.labels.unlabelled > 0) {
    absl::StrAppend(&text, "  without a label: ", report.labels.unlabelled, "\n");
  }
  if (const auto& range = report.labels.targets; range.has_value()) {
    absl::StrAppend(&text, "  numbers from ", range->min, " to ", range->max, ", mean ",
                    range->mean, "\n");
  }
  AddSizes(images.has_value() ? images->shorter_sides : report.characters,
           images.has_value() ? "pixels" : "characters", &text);
  if (const auto& pairs = report.pairs; pairs.has_value()) {
    AddSizes(pairs->target_characters, "characters of a translation", &text);
    absl::StrAppend(&text, "  translations that are the text itself: ", pairs->untranslated, "\n");
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
