// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/translation_config.h"

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "tests/formats/tiny_translation.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string Error(const std::string& json) {
  Problems problems;
  ParseTranslationConfig(json, problems);
  EXPECT_FALSE(problems.empty());
  return std::string(problems.ToStatus("INVALID_MODEL", "it").message());
}
std::string With(const char* what, const char* instead) {
  const std::string json = ToJson(kTinyTranslation);
  EXPECT_THAT(json, HasSubstr(what));
  return absl::StrReplaceAll(json, {{what, instead}});
}

TEST(TranslationConfig, IsReadAsItWasWritten) {
  TranslationConfig config = kTinyTranslation;
  config.max_length = 77;
  config.norm_eps = 1e-5;
  Problems problems;
  EXPECT_EQ(ParseTranslationConfig(ToJson(config), problems), config);
  EXPECT_TRUE(problems.empty());
}

TEST(TranslationConfig, IsKnownByItsModelType) {
  EXPECT_TRUE(IsTranslationConfig(ToJson(kTinyTranslation)));
  for (const char* other : {R"({"model_type": "marian"})", "[]", "{", R"({"model_type": 3})"}) {
    EXPECT_FALSE(IsTranslationConfig(other)) << other;
  }
}

TEST(TranslationConfig, NamesWhatIsMissingOrWrong) {
  EXPECT_THAT(Error(With("\"d_model\": 8,", "")), HasSubstr("d_model is missing"));
  EXPECT_THAT(Error(With("\"d_model\": 8", "\"d_model\": 0")), HasSubstr("d_model must be"));
  EXPECT_THAT(Error(With("\"vocab_size\": 14", "\"vocab_size\": 4294967296")),
              HasSubstr("vocab_size must be an integer from 1 to 1000000"));
  EXPECT_THAT(Error(With("\"decoder_ffn_dim\": 16", "\"decoder_ffn_dim\": 32")),
              HasSubstr("decoder_ffn_dim 32 is not supported; supported: 16"));
  EXPECT_THAT(Error(With("relu", "gelu")), HasSubstr("activation_function"));
  EXPECT_THAT(Error(With("attention_heads\": 2", "attention_heads\": 3")),
              HasSubstr("3 attention heads do not divide the width 8"));
  EXPECT_THAT(Error(R"({"model_type": "marian"})"),
              HasSubstr("model_type \"marian\" is not supported; supported: \"marian_ssru\""));
  EXPECT_THAT(Error("{"), HasSubstr("config.json"));
  EXPECT_THAT(Error("[]"), HasSubstr("expected an object"));
}

}  // namespace
}  // namespace attune
