// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/sentence_modules.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string Pooling(std::string_view json) {
  Problems problems;
  const std::string pooling = ParsePooling(json, "1_Pooling/config.json", problems);
  return problems.empty() ? pooling : ToText(problems.first()[0]);
}

TEST(SentenceModules, NameTheFoldersOfTransformerAndPooling) {
  Problems problems;
  const SentenceModules modules = ParseSentenceModules(
      R"([{"path":"0_T","type":"sentence_transformers.models.Transformer"},
          {"path":"1_P","type":"sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
          {"path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])",
      problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(modules.transformer, "0_T");
  EXPECT_EQ(modules.pooling, "1_P");
}

TEST(SentenceModules, NeedNotPool) {
  Problems problems;
  EXPECT_EQ(ParseSentenceModules("[]", problems).pooling, std::nullopt);
  EXPECT_TRUE(problems.empty());
}

TEST(SentenceModules, AreAListInTheFolder) {
  for (const char* wrong : {"{}", "[", R"([{"path":"..","type":"Transformer"}])",
                            R"([{"path":"a/b","type":"Pooling"}])"}) {
    Problems problems;
    ParseSentenceModules(wrong, problems);
    ASSERT_EQ(problems.count(), 1) << wrong;
    EXPECT_THAT(ToText(problems.first()[0]), HasSubstr("modules.json"));
  }
}

TEST(SentenceModules, SayHowTheyPool) {
  EXPECT_EQ(Pooling(R"({"word_embedding_dimension":4,"pooling_mode_cls_token":true,
                        "pooling_mode_mean_tokens":false})"),
            "cls");
  EXPECT_EQ(Pooling(R"({"pooling_mode_cls_token":true,"pooling_mode_max_tokens":true})"),
            "cls+max");
  EXPECT_EQ(Pooling(R"({"pooling_mode":"mean"})"), "mean");
  EXPECT_THAT(Pooling("{}"), HasSubstr("1_Pooling/config.json: no pooling mode is set"));
  EXPECT_THAT(Pooling("[]"), HasSubstr("expected an object"));
}

}  // namespace
}  // namespace attune
