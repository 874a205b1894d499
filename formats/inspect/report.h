// SPDX-License-Identifier: Apache-2.0
// What attune-inspect answers: one JSON object on stdout. Whoever runs it stores the object; this
// is its contract.
//
// Of every kind:
//   "ok"           no errors
//   "error_count"  all of them
//   "errors"       the first 100: [{"where", "line", "column", "message", "remedy"}]. "where" is
//   the
//                  split ("train", "eval", "test"), "model" or a file of the model; "" for a
//                  dataset. line and column count from 1, columns in characters; 0: the whole file,
//                  line.
// Histograms: {"unit", "buckets": [{"le", "count"}]}, le an inclusive upper bound that doubles.
//
// Labels, of a set of rows: "label_kind" ("single", "multi", "number", "text", "none"), "labels":
// [{"label",
//   "count", "first_line"}] in class order, "unlabelled" (rows without any class; "multi" alone has
//   them), "targets": {"min", "max", "mean"} ("number" alone)
//
// dataset: "rows", labels, "duplicates", "size_bytes"; of texts "length_histogram" (characters of a
//   row's texts together), "empty_texts", "ignored_columns"; of pairs also
//   "target_length_histogram" (characters of the translations), "untranslated" (rows whose
//   translation is the text itself); of images "size_histogram" (pixels of the shorter side),
//   "decoded" (images whose pixels were read; of the others their header), "ignored_members"
// model: "model_type", "architecture", "parameters", "hidden_size", "layers" (those of encoder and
//   decoder together), "max_length",
//   "vocab_size", "tokenizer" (its kind), "labels" and "problem_type" (of its classifier; [] and ""
//   when it has none), "pooling" (of a sentence-transformers folder: "cls", "mean", …; else ""),
//   "image_size" (pixels of a side); zeros and "" for what could not be read, or what a model of
//   its kind does not have
// job: "work"; "max_length" (tokens a row keeps); "pooling" (what the head sits on: "first_token"
// or
//   "mean"; "" when there is no model to tell); of images "image_size" (pixels of a side that the
//   model sees); "sets": {"train", "eval", "test"}, those that there are, each with "rows", labels
//   (all classes of the job or model), "held_out" (it is a part of train's file), and of texts
//   "token_length_histogram" and "max_tokens" (before truncation, special tokens included; both
//   texts of a pair), "truncated" (rows longer than max_length, on either side of a translation),
//   "tokens" (after truncation, all rows); with translations these are of the source, and
//   "target_token_length_histogram", "max_target_tokens", "target_tokens" of the other side;
//   "overlaps": [{"sets": ["train", "eval"], "rows", "first_lines": [[2, 9], …]}], where rows of
//   the second set have exactly the texts, or the image, of a row of the first, and where that is,
//   five times (lines of the file that the set was read from; images are counted by their names);
//   "model_labels": what evaluate and predict tell apart;
//   "memory": {"estimated_bytes" and its parts: "weights", "optimizer", "gradients", "activations",
//   "checkpoint", "data", "runtime"}, see formats/memory; null when there are errors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/datasets/dataset_report.h"
#include "formats/datasets/length_histogram.h"
#include "formats/memory/memory_estimate.h"
#include "formats/problems.h"

namespace attune {

struct ModelReport {
  std::string model_type, architecture, tokenizer, problem_type, pooling;
  std::vector<std::string> labels;
  int64_t parameters = 0, hidden_size = 0, layers = 0, max_length = 0, vocab_size = 0,
          image_size = 0;
  Problems problems;
};

struct SetReport {
  RowTokens rows;                    // as they are trained
  LengthHistogram token_lengths{8};  // as they are
  RowTokens targets;                 // of translations, likewise
  LengthHistogram target_lengths{8};
  int64_t max_tokens = 0, max_target_tokens = 0, truncated = 0;
  bool held_out = false;
  LabelSummary labels;
};

struct SetOverlap {
  static constexpr size_t kFirstLines = 5;

  std::string first, second;                             // names of sets
  int64_t rows = 0;                                      // of the second
  std::vector<std::pair<int64_t, int64_t>> first_lines;  // in the first, in the second
};

struct JobReport {
  std::string work, pooling;
  int64_t max_length = 0;                 // of texts
  int64_t image_size = 0;                 // of images; 0: the job is about texts
  std::map<std::string, SetReport> sets;  // by name: "train", "eval", "test"
  std::vector<SetOverlap> overlaps;
  std::vector<std::string> model_labels;
  std::optional<MemoryEstimate> memory;
  Problems problems;
};

std::string ToJson(const DatasetReport& report);
std::string ToJson(const ModelReport& report);
std::string ToJson(const JobReport& report);

// For people, several lines.
std::string ToText(const DatasetReport& report);

}  // namespace attune
