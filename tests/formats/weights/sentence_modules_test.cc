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

std::string DenseOf(const std::string& kinds) {
  std::string json;
  for (const char kind : kinds) {
    const std::string name = kind == 'P' ? "Pooling" : kind == 'D' ? "Dense" : "Normalize";
    json += std::string(json.empty() ? "[" : ",") + R"({"path":")" + kind + R"(","type":")" + name +
            "\"}";
  }
  Problems problems;
  const SentenceModules modules = ParseSentenceModules(json + "]", problems);
  EXPECT_TRUE(problems.empty());
  return modules.dense;
}

TEST(SentenceModules, HaveADenseLayerWhereItIsTheLastAndBehindThePooling) {
  EXPECT_EQ(DenseOf("PD"), "D");
  EXPECT_EQ(DenseOf("P"), "");
  EXPECT_EQ(DenseOf("PDN"), "");
  EXPECT_EQ(DenseOf("PND"), "");
  EXPECT_EQ(DenseOf("PDD"), "");
}

TEST(SentenceModules, TellALinearLayerFromOtherDenseOnes) {
  const auto outputs = [](const std::string& json) {
    Problems problems;
    return ParseLinear(json, 4, "2_Dense/config.json", problems);
  };
  const std::string linear =
      R"("in_features":4,"activation_function":"torch.nn.modules.linear.Identity")";
  EXPECT_EQ(outputs("{" + linear + R"(,"out_features":3,"bias":true})"), 3);
  EXPECT_EQ(outputs("{" + linear + R"(,"out_features":3})"), 3);
  EXPECT_EQ(outputs("{" + linear + "}"), std::nullopt);
  EXPECT_EQ(outputs("{" + linear + R"(,"out_features":3,"bias":false})"), std::nullopt);
  EXPECT_EQ(outputs("{" + linear + R"(,"out_features":3,"use_residual":true})"), std::nullopt);
  EXPECT_EQ(outputs(R"({"in_features":5,"out_features":3,)"
                    R"("activation_function":"torch.nn.modules.linear.Identity"})"),
            std::nullopt);
  EXPECT_EQ(outputs(R"({"in_features":4,"out_features":3,"bias":true,)"
                    R"("activation_function":"torch.nn.modules.activation.Tanh"})"),
            std::nullopt);
}

TEST(SentenceModules, AreReadAsTheyAreWritten) {
  const auto files = SentenceFiles(4, 3, 16);
  Problems problems;
  const SentenceModules modules = ParseSentenceModules(files.at("modules.json"), problems);
  EXPECT_EQ(modules.transformer, "");
  EXPECT_EQ(ParsePooling(files.at(*modules.pooling + "/config.json"), "p", problems), "mean");
  EXPECT_EQ(ParseLinear(files.at(modules.dense + "/config.json"), 4, "d", problems), 3);
  EXPECT_TRUE(problems.empty());
}

TEST(SentenceModules, SayHowTheyPool) {
  EXPECT_EQ(Pooling(R"({"word_embedding_dimension":4,"pooling_mode_cls_token":true,
                        "pooling_mode_mean_tokens":false})"),
            "cls");
  EXPECT_EQ(Pooling(R"({"pooling_mode_cls_token":true,"pooling_mode_max_tokens":true})"),
            "cls+max");
  EXPECT_EQ(Pooling(R"({"pooling_mode":"mean"})"), "mean");
  EXPECT_EQ(Pooling(R"({"pooling_mode":["mean","max"]})"), "mean+max");
  EXPECT_THAT(Pooling("{}"), HasSubstr("1_Pooling/config.json: no pooling mode is set"));
  EXPECT_THAT(Pooling("[]"), HasSubstr("expected an object"));
}

}  // namespace
}  // namespace attune
