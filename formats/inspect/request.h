// SPDX-License-Identifier: Apache-2.0
// What attune-inspect is asked: one JSON object on stdin.
//   {"kind": "dataset", "path", "format", "text_columns": […], "label_column", "label_kind",
//    "label_separator", "label_names": {…}}
//   {"kind": "model", "dir"}
//   {"kind": "job", "work": "fine_tune", "model_dir", "task", "train": {dataset}, "eval": {dataset}
//    or null, "test": {dataset} or null, "eval_fraction", "labels": […], "max_length",
//    "batch_size", "method", "lora": {"rank", "target_modules": […]}, "top_layers", "pooling",
//    "image": {"size", "batch_norms"}, "beam_size"}
//   {"kind": "job", "work": "evaluate" or "predict", "model_dir", "task", "test": {dataset},
//    "max_length", "image", "beam_size"}
// "task" is "text_classification", "image_classification" or "translation"; "max_length" is of
// texts, "image" of images, "beam_size" of translation; the last two may be left out.
// A dataset is the keys of the first kind; the last three of them may be left out, and so may
// "work" and the keys from "batch_size" on. Keys and defaults are those of TrainerSpec. "predict"
// reads no labels, whatever its dataset says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "base/trainer_protocol.h"

namespace attune {

struct ModelRequest {
  std::string dir;
};

struct JobRequest {
  std::string work = "fine_tune";
  std::string model_dir;
  std::string task = TrainerSpec().task;
  std::optional<DatasetSpec> train;       // "fine_tune" has it, and it alone
  std::optional<DatasetSpec> eval, test;  // `test` is what "evaluate" and "predict" read
  double eval_fraction = 0;               // of train, when there is no eval
  std::vector<std::string> labels;        // of "fine_tune" with classes
  int64_t max_length = 0;                 // 0: the model's maximum
  // For the memory that it will need, and where its head will sit.
  int64_t batch_size = HyperparameterSpec().batch_size;
  std::string method = TrainerSpec().method;
  LoraSpec lora;
  int64_t top_layers = 0;
  std::string pooling;
  ImageSpec image;                               // how images are varied is not looked at
  int64_t beam_size = DecodingSpec().beam_size;  // "translation"
};

using InspectRequest = std::variant<DatasetSpec, ModelRequest, JobRequest>;

// INVALID_ARGUMENT, naming the key that is missing, unknown or of the wrong type.
absl::StatusOr<InspectRequest> ParseInspectRequest(std::string_view json);

}  // namespace attune
