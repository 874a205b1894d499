// SPDX-License-Identifier: Apache-2.0
// The shape of a translation model of translation_folder.h, and its two files: config.json as
// attune writes it, with the keys of transformers' MarianConfig, and the settings that Marian keeps
// in a file of weights ("special:model.yml"). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "formats/problems.h"

namespace attune {

struct TranslationConfig {
  int64_t vocab_size = 0, hidden_size = 0, feed_forward_size = 0;
  int64_t encoder_layers = 0, decoder_layers = 0, heads = 0;
  int64_t max_length = 512;  // tokens a side; positions are computed, so it is a choice
  double norm_eps = 1e-6;    // Marian's

  bool operator==(const TranslationConfig&) const = default;
};

// Whether config.json (whole) is that of such a model.
bool IsTranslationConfig(std::string_view json);

// Both add to `problems` what is wrong, each naming its key; the result means something only when
// nothing was added. What is of another architecture is refused by name.
TranslationConfig ParseTranslationConfig(std::string_view json, Problems& problems);
// `file` is the file of weights, for the problems.
TranslationConfig ParseMarianSettings(std::string_view yaml, const std::string& file,
                                      Problems& problems);

// The config.json.
std::string ToJson(const TranslationConfig& config);

}  // namespace attune
