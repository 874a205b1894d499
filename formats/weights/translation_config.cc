// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/translation_config.h"

#include "absl/strings/str_cat.h"
#include "formats/json/strict_json.h"
#include "formats/weights/config_reader.h"
#include "formats/weights/translation_sizes.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "config.json";
constexpr char kModelType[] = "marian_ssru";
constexpr char kOnlyThis[] = "Choose a model with an SSRU decoder that attune exported.";

// A size that must be there.
void ReadSize(ConfigReader& reader, const char* key, int64_t high, int64_t* out) {
  if (reader.Find(key) == nullptr) {
    reader.Refuse(absl::StrCat(key, " is missing"), "Hand in the config.json as it was exported.");
  }
  reader.Integer(key, 1, high, out);
}

}  // namespace

bool IsTranslationConfig(std::string_view text) {
  const absl::StatusOr<Json> json = ParseJsonFile(text, kFile);
  return json.ok() && json->is_object() && json->contains("model_type") &&
         (*json)["model_type"] == kModelType;
}

TranslationConfig ParseTranslationConfig(std::string_view text, Problems& problems) {
  TranslationConfig config;
  const absl::StatusOr<Json> json = ParseJsonFile(text, kFile);
  if (!json.ok() || !json->is_object()) {
    problems.Add({kFile, 0, 0,
                  json.ok() ? "expected an object" : std::string(json.status().message()),
                  "Write it as plain JSON, as it was exported."});
    return config;
  }
  ConfigReader reader(kFile, *json, problems);
  reader.Only("model_type", kModelType, kOnlyThis);
  if (!problems.empty()) return config;
  ReadSize(reader, "vocab_size", kMaxTranslationVocabulary, &config.vocab_size);
  ReadSize(reader, "d_model", kMaxTranslationWidth, &config.hidden_size);
  ReadSize(reader, "encoder_ffn_dim", kMaxTranslationWidth, &config.feed_forward_size);
  ReadSize(reader, "encoder_layers", kMaxTranslationLayers, &config.encoder_layers);
  ReadSize(reader, "decoder_layers", kMaxTranslationLayers, &config.decoder_layers);
  ReadSize(reader, "encoder_attention_heads", kMaxTranslationWidth, &config.heads);
  reader.Integer("max_position_embeddings", 8, kMaxTranslationLength, &config.max_length);
  reader.Real("layer_norm_eps", 0, 0.1, &config.norm_eps);
  reader.Only("decoder_ffn_dim", config.feed_forward_size, kOnlyThis);
  reader.Only("decoder_attention_heads", config.heads, kOnlyThis);
  reader.Only("activation_function", "relu", kOnlyThis);
  reader.Only("scale_embedding", true, kOnlyThis);
  reader.Only("tie_word_embeddings", true, kOnlyThis);
  CheckTranslationSizes(config, kFile, problems);
  return config;
}

std::string ToJson(const TranslationConfig& config) {
  const Json json = {{"model_type", kModelType},
                     {"vocab_size", config.vocab_size},
                     {"d_model", config.hidden_size},
                     {"encoder_layers", config.encoder_layers},
                     {"encoder_attention_heads", config.heads},
                     {"encoder_ffn_dim", config.feed_forward_size},
                     {"decoder_layers", config.decoder_layers},
                     {"decoder_attention_heads", config.heads},
                     {"decoder_ffn_dim", config.feed_forward_size},
                     {"activation_function", "relu"},
                     {"layer_norm_eps", config.norm_eps},
                     {"max_position_embeddings", config.max_length},
                     {"scale_embedding", true},
                     {"tie_word_embeddings", true},
                     {"dtype", "float32"}};
  return json.dump(2) + "\n";
}

}  // namespace attune
