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
  ParseEncoderConfig(json, problems);
  std::string all;
  for (const Problem& problem : problems.first()) absl::StrAppend(&all, ToText(problem), "\n");
  return all;
}
std::string ErrorOfKey(const std::string& key_and_value) {
  return ErrorOf("{\"model_type\":\"bert\"," + key_and_value + "}");
}

TEST(HfConfig, ReadsATypedConfigWithTransformersDefaults) {
  Problems problems;
  const EncoderConfig config = ParseEncoderConfig(
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

TEST(HfConfig, CountsPositionsOfRobertaFromBehindThePadding) {
  Problems problems;
  const EncoderConfig config = ParseEncoderConfig(
      R"({"model_type":"roberta","architectures":["RobertaForMaskedLM"],
          "max_position_embeddings":514,"type_vocab_size":1,"layer_norm_eps":1e-05})",
      problems);
  ASSERT_TRUE(problems.empty()) << ToText(problems.first()[0]);
  EXPECT_EQ(config.model_type, "roberta");
  EXPECT_EQ(config.vocab_size, 50265);
  EXPECT_EQ(config.first_position, 2);
  EXPECT_EQ(config.max_length(), 512);
  EXPECT_EQ(config.layer_norm_eps, 1e-5);
  EXPECT_EQ(config.Parameters(), 124'645'632);  // RobertaModel of roberta-base
}

TEST(HfConfig, ReadsDistilBertByItsOwnNames) {
  Problems problems;
  const EncoderConfig config = ParseEncoderConfig(
      R"({"model_type":"distilbert","architectures":["DistilBertModel"],"dim":768,"n_heads":12,
          "n_layers":6,"hidden_dim":3072,"dropout":0.2,"attention_dropout":0.3,
          "seq_classif_dropout":0.4,"sinusoidal_pos_embds":true,"activation":"gelu",
          "hidden_size":5,"layer_norm_eps":0.5})",
      problems);
  ASSERT_TRUE(problems.empty()) << ToText(problems.first()[0]);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.type_vocab_size, 0);
  EXPECT_EQ(config.max_length(), 512);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(config.hidden_dropout, 0.2);
  EXPECT_EQ(config.attention_dropout, 0.3);
  EXPECT_EQ(config.classifier_dropout, 0.4);
  EXPECT_EQ(config.Parameters() - 768 * 768 - 768, 66'362'880);  // DistilBertModel, without a head
}

TEST(HfConfig, HasTheDefaultsOfEachFamily) {
  Problems problems;
  const EncoderConfig roberta = ParseEncoderConfig(R"({"model_type":"roberta"})", problems);
  const EncoderConfig distilbert = ParseEncoderConfig(R"({"model_type":"distilbert"})", problems);
  ASSERT_TRUE(problems.empty()) << ToText(problems.first()[0]);
  EXPECT_EQ(roberta.pad_token_id, 1);
  EXPECT_EQ(roberta.type_vocab_size, 2);
  EXPECT_EQ(roberta.layer_norm_eps, 1e-12);
  EXPECT_EQ(distilbert.layers, 6);
  EXPECT_EQ(distilbert.classifier_dropout, 0.2);
}

TEST(HfConfig, RefusesByTheNamesOfTheFamily) {
  EXPECT_THAT(ErrorOf(R"({"model_type":"distilbert","dim":7})"), HasSubstr("dim 7 is no multiple"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"distilbert","n_layers":0})"), HasSubstr("n_layers must"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"distilbert","activation":"relu"})"),
              HasSubstr("activation \"relu\" is not supported"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"roberta","architectures":["BertModel"]})"),
              HasSubstr("supported for model_type roberta: RobertaModel"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"roberta","pad_token_id":600})"),
              HasSubstr("the first position is pad_token_id + 1 = 601"));
  EXPECT_THAT(ErrorOf(R"({"model_type":"roberta","hidden_act":"gelu_new"})"),
              HasSubstr("supported: \"gelu\""));
}

TEST(HfConfig, KnowsTheProblemTypesOfTransformers) {
  Problems problems;
  EXPECT_EQ(ParseEncoderConfig(R"({"model_type":"bert","problem_type":"regression"})", problems)
                .problem_type,
            "regression");
  EXPECT_EQ(
      ParseEncoderConfig(R"({"model_type":"bert","problem_type":null})", problems).problem_type,
      "");
  EXPECT_TRUE(problems.empty());
  EXPECT_THAT(ErrorOfKey("\"problem_type\":\"ranking\""), HasSubstr("problem_type \"ranking\""));
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
  EXPECT_THAT(ErrorOf(R"({"model_type":"xlm-roberta"})"), HasSubstr("supported: bert, roberta"));
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
      R"({"z":1,"model_type":"bert","architectures":["BertModel"],"torch_dtype":"float16",
          "eps":1e-12,"num_labels":9})",
      {"neg", "pos é"}, "single_label_classification");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, R"({
  "z": 1,
  "model_type": "bert",
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

TEST(HfConfig, NamesTheArchitectureOfTheFamilyAndTheProblem) {
  const auto rewritten = [](const char* config, const std::vector<std::string>& labels,
                            std::string_view problem_type) {
    const auto text = ConfigForClassifier(config, labels, problem_type);
    EXPECT_TRUE(text.ok()) << text.status();
    return nlohmann::json::parse(text.value_or("null"));
  };
  const auto roberta =
      rewritten(R"({"model_type":"roberta"})", {"a", "b"}, "multi_label_classification");
  EXPECT_EQ(roberta["architectures"][0], "RobertaForSequenceClassification");
  EXPECT_EQ(roberta["problem_type"], "multi_label_classification");
  const auto distilbert =
      rewritten(R"({"model_type":"distilbert","num_labels":5})", {}, "regression");
  EXPECT_EQ(distilbert["architectures"][0], "DistilBertForSequenceClassification");
  EXPECT_EQ(distilbert["id2label"], nlohmann::json({{"0", "LABEL_0"}}));
  EXPECT_EQ(distilbert["num_labels"], 1);
  EXPECT_FALSE(ConfigForClassifier(R"({"model_type":"t5"})", {"a"}, "regression").ok());
}

TEST(HfConfig, IsOfThePlainModelWhereTheHeadIsNotPartOfIt) {
  const auto text = ConfigForClassifier(R"({"model_type":"roberta"})", {"a", "b"},
                                        "single_label_classification", Pooling::kMean);
  ASSERT_TRUE(text.ok()) << text.status();
  const auto config = nlohmann::json::parse(*text);
  EXPECT_EQ(config["architectures"][0], "RobertaModel");
  EXPECT_EQ(config["id2label"].size(), 2);
}

}  // namespace
}  // namespace attune
