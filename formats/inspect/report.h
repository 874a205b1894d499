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
// dataset: "rows", "labels": [{"label", "count", "first_line"}] in class order, "length_histogram"
//   (characters of a row's texts together), "duplicates", "empty_texts", "ignored_columns",
//   "size_bytes"
// model: "model_type", "architecture", "parameters", "hidden_size", "layers", "max_length",
//   "vocab_size", "tokenizer" (its kind); zeros and "" for what could not be read
// job: "train_examples", "eval_examples", "test_examples"; of the training examples:
//   "token_length_histogram" and "max_tokens" (before truncation, special tokens included),
//   "truncated" (examples longer than max_length), "tokens" (after truncation, all examples);
//   "overlap_train_eval", "overlap_train_test": examples there whose texts are in train as well
#pragma once

#include <cstdint>
#include <string>

#include "formats/datasets/dataset_report.h"
#include "formats/datasets/length_histogram.h"
#include "formats/problems.h"

namespace attune {

struct ModelReport {
  std::string model_type, architecture, tokenizer;
  int64_t parameters = 0, hidden_size = 0, layers = 0, max_length = 0, vocab_size = 0;
  Problems problems;
};

struct JobReport {
  int64_t train_examples = 0, eval_examples = 0, test_examples = 0;
  LengthHistogram token_lengths{8};
  int64_t max_tokens = 0, truncated = 0, tokens = 0;
  int64_t overlap_train_eval = 0, overlap_train_test = 0;
  Problems problems;
};

std::string ToJson(const DatasetReport& report);
std::string ToJson(const ModelReport& report);
std::string ToJson(const JobReport& report);

// For people, several lines.
std::string ToText(const DatasetReport& report);

}  // namespace attune
