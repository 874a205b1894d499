// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/hf_config.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& json) {
  Problems problems;
  ParseBertConfig(json, problems);
  std::string all;
  for (const Problem& problem : problems.first()) absl::StrAppend(&all, ToText(problem), "\n");
  return all;
}
std::string ErrorOfKey(const std::string& key_and_value) {
  return ErrorOf("{\"model_type\":\"bert\"," + key_and_value + "}");
}

TEST(HfConfig, ReadsATypedConfigWithTransformersDefaults) {
  Problems problems;
  const BertConfig config = ParseBertConfig(
      R"({"model_type":"bert","architectures":["BertModel"],"hidden_size":384,
          "num_hidden_layers":6,"intermediate_size":1536,"hidden_dropout_prob":0.2,
          "classifier_dropout":null,"id2label":{"1":"pos","0":"neg"},"something":[1]})",
      problems);
  ASSERT_TRUE(problems.empty()) << ToText(problems.first()[0]);
  EXPECT_EQ(config.architecture, "BertModel");
  EXPECT_EQ(config.hidden_size, 384);
  EXPECT_EQ(config.heads, 12);
  EXPECT_EQ(config.classifier_dropout, 0.2);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_THAT(config.labels, ElementsAre("neg", "pos"));
  EXPECT_EQ(config.Parameters(), 22'713'216);  // all-MiniLM-L6-v2
}

TEST(HfConfig, RefusesSizesBeforeAnybodyAllocates) {
  EXPECT_THAT(ErrorOfKey("\"hidden_size\":0"), HasSubstr("hidden_size must be an integer from 1"));
  EXPECT_THAT(ErrorOfKey("\"hidden_size\":-1"), HasSubstr("got -1"));
  EXPECT_THAT(ErrorOfKey("\"hidden_size\":2147483648"), HasSubstr("got 2147483648"));
  EXPECT_THAT(ErrorOfKey("\"hidden_size\":384.0"), HasSubstr("must be an integer"));
  EXPECT_THAT(ErrorOfKey("\"hidden_size\":18446744073709551615"), HasSubstr("must be an integer"));
  EXPECT_THAT(ErrorOfKey("\"num_hidden_layers\":1000000000"), HasSubstr("num_hidden_layers"));
  EXPECT_THAT(ErrorOfKey("\"num_attention_heads\":7"), HasSubstr("no multiple of"));
  EXPECT_THAT(ErrorOfKey("\"vocab_size\":1000001"), HasSubstr("from 1 to 1000000"));
  EXPECT_THAT(ErrorOfKey("\"hidden_size\":65536,\"num_hidden_layers\":1000"),
              HasSubstr("parameters; at most"));
  EXPECT_THAT(ErrorOfKey("\"layer_norm_eps\":\"small\""), HasSubstr("layer_norm_eps"));
  EXPECT_THAT(ErrorOfKey("\"hidden_dropout_prob\":1"), HasSubstr("hidden_dropout_prob"));
}

TEST(HfConfig, RefusesCodeAndOtherArchitectures) {
  EXPECT_THAT(ErrorOfKey(R"("auto_map":{"AutoModel":"x.Y"})"), HasSubstr("never runs here"));
  EXPECT_THAT(ErrorOfKey("\"trust_remote_code\":true"), HasSubstr("never runs here"));
  EXPECT_THAT(ErrorOfKey(R"("architectures":["MyModel"])"), HasSubstr("'MyModel'"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"roberta"})"), HasSubstr("supported: bert"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("model_type is missing"));
  EXPECT_THAT(ErrorOfKey("\"hidden_act\":\"relu\""), HasSubstr("supported: \"gelu\""));
  EXPECT_THAT(ErrorOfKey("\"position_embedding_type\":\"relative_key\""), HasSubstr("absolute"));
  EXPECT_THAT(ErrorOfKey("\"is_decoder\":true"), HasSubstr("is_decoder"));
}

TEST(HfConfig, RefusesWhatIsNoPlainJson) {
  EXPECT_THAT(ErrorOf("\xEF\xBB\xBF{}"), HasSubstr("config.json:1:1: starts with a byte order"));
  EXPECT_THAT(ErrorOf("{\n// why\n}"), HasSubstr("config.json:2:"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"bert","model_type":"bert"})"), HasSubstr("twice"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"bert","layer_norm_eps":1e309})"), HasSubstr("overflow"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("64 levels"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("expected an object"));
}

TEST(HfConfig, RefusesLabelsThatAreNoNumberedList) {
  for (const char* labels : {R"({"0":"a","2":"b"})", R"({"0":1})", R"({"x":"a"})",
                             R"({"0":"a","00":"b"})", R"(["a"])"}) {
    EXPECT_THAT(ErrorOfKey(absl::StrCat("\"id2label\":", labels)), HasSubstr("id2label")) << labels;
  }
}

TEST(HfConfig, TellsAllThatIsWrongAtOnce) {
  const std::string errors =
      ErrorOfKey("\"hidden_size\":0,\"hidden_act\":\"relu\",\"auto_map\":{}");
  EXPECT_THAT(errors, HasSubstr("auto_map"));
  EXPECT_THAT(errors, HasSubstr("hidden_size"));
  EXPECT_THAT(errors, HasSubstr("hidden_act"));
}

TEST(HfConfig, IsRewrittenForAClassifierWithEveryOtherKeyInPlace) {
  const auto text = ConfigForClassifier(
      R"({"z":1,"architectures":["BertModel"],"torch_dtype":"float16","eps":1e-12,"num_labels":9})",
      {"neg", "pos é"});
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, R"({
  "z": 1,
  "architectures": [
    "BertForSequenceClassification"
  ],
  "torch_dtype": "float32",
  "eps": 1e-12,
  "num_labels": 2,
  "problem_type": "single_label_classification",
  "id2label": {
    "0": "neg",
    "1": "pos \u00e9"
  },
  "label2id": {
    "neg": 0,
    "pos \u00e9": 1
  }
}
)");
}

}  // namespace
}  // namespace attune
