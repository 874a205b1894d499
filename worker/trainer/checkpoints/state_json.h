// SPDX-License-Identifier: Apache-2.0
// How the state.json of a checkpoint is read: base/json_object.h with the errors of a checkpoint.
// For .cc files.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/evaluation_fields.h"
#include "base/json_object.h"
#include "worker/trainer/checkpoints/checkpoint_folder.h"
#include "worker/trainer/checkpoints/training_state.h"

namespace attune {

template <typename V>
void Fields(V& v, typename V::template Ref<RecordedEvaluation> s) {
  EvaluationFields(v, s);
}

inline nlohmann::ordered_json DecodingJson(const DecodingSpec& decoding) {
  return {{"beam_size", decoding.beam_size}, {"length_penalty", decoding.length_penalty}};
}

// Fills a struct that has Fields. FAILED_PRECONDITION/TRAINER_REFUSED.
template <typename State>
absl::Status ParseState(std::string_view text, State& state) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return CheckpointDoesNotFit("its state.json is not a JSON object");
  std::vector<FieldViolation> wrong;
  JsonReader reader(json, JsonSource::kFile, wrong);
  Fields(reader, state);
  reader.RefuseUnknownKeys();
  if (wrong.empty()) return absl::OkStatus();
  return CheckpointDoesNotFit(
      absl::StrCat("in its state.json, ", wrong.front().field, " ", wrong.front().description));
}

}  // namespace attune
