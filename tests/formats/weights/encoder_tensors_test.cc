// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/encoder_tensors.h"

#include "gmock/gmock.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

EncoderConfig Config(const char* json) {
  Problems problems;
  EncoderConfig config = ParseEncoderConfig(json, problems);
  EXPECT_TRUE(problems.empty());
  return config;
}

TEST(EncoderTensors, HaveTheNamesOfBertModelForEveryFamily) {
  const EncoderConfig distilbert = Config(kTinyDistilBert);
  const std::pair<const char*, const char*> pairs[] = {
      {"transformer.layer.0.attention.q_lin.weight", "encoder.layer.0.attention.self.query.weight"},
      {"transformer.layer.1.attention.out_lin.bias", "encoder.layer.1.attention.output.dense.bias"},
      {"transformer.layer.1.sa_layer_norm.bias", "encoder.layer.1.attention.output.LayerNorm.bias"},
      {"transformer.layer.1.ffn.lin1.weight", "encoder.layer.1.intermediate.dense.weight"},
      {"transformer.layer.1.ffn.lin2.weight", "encoder.layer.1.output.dense.weight"},
      {"transformer.layer.11.output_layer_norm.weight", "encoder.layer.11.output.LayerNorm.weight"},
      {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.weight"}};
  for (const auto& [own, canonical] : pairs) {
    const std::string full = std::string("distilbert.") + own;
    EXPECT_EQ(CanonicalName(distilbert, own), canonical);
    EXPECT_EQ(CanonicalName(distilbert, full), canonical);
    EXPECT_EQ(ExportName(distilbert, canonical), full);
  }
}

TEST(EncoderTensors, NameTheHeadAsTheFamilyDoes) {
  const EncoderConfig bert = Config(kTinyConfig), roberta = Config(kTinyRoberta),
                      distilbert = Config(kTinyDistilBert);
  EXPECT_EQ(ExportName(bert, "head.dense.weight"), "bert.pooler.dense.weight");
  EXPECT_EQ(ExportName(bert, "head.out.bias"), "classifier.bias");
  EXPECT_EQ(ExportName(roberta, "head.dense.weight"), "classifier.dense.weight");
  EXPECT_EQ(ExportName(roberta, "head.out.bias"), "classifier.out_proj.bias");
  EXPECT_EQ(ExportName(distilbert, "head.dense.weight"), "pre_classifier.weight");
  EXPECT_EQ(ExportName(distilbert, "head.out.bias"), "classifier.bias");
}

TEST(EncoderTensors, HaveNoPrefixInThePlainModel) {
  EXPECT_EQ(PlainName(Config(kTinyRoberta), "roberta.encoder.layer.0.output.dense.bias"),
            "encoder.layer.0.output.dense.bias");
  EXPECT_EQ(PlainName(Config(kTinyDistilBert), "distilbert.transformer.layer.1.ffn.lin1.weight"),
            "transformer.layer.1.ffn.lin1.weight");
}

TEST(EncoderTensors, AreTranslatedByModuleAsWell) {
  const EncoderConfig distilbert = Config(kTinyDistilBert);
  EXPECT_EQ(ExportName(distilbert, "encoder.layer.3.attention.self.value"),
            "distilbert.transformer.layer.3.attention.v_lin");
  EXPECT_EQ(ExportName(distilbert, "head.dense"), "pre_classifier");
  EXPECT_EQ(CanonicalName(distilbert, "distilbert.transformer.layer.3.ffn.lin2"),
            "encoder.layer.3.output.dense");
  EXPECT_EQ(CanonicalName(distilbert, "transformer.layer."), "transformer.layer.");
  EXPECT_EQ(CanonicalName(distilbert, "classifiers.weight"), "classifiers.weight");
}

TEST(EncoderTensors, AreFoundAgainByTheirExportNames) {
  for (const char* json : {kTinyConfig, kTinyRoberta, kTinyDistilBert}) {
    const EncoderConfig config = Config(json);
    for (const ExpectedTensor& tensor : EncoderTensors(config)) {
      const std::string own = ExportName(config, tensor.name);
      EXPECT_EQ(CanonicalName(config, own), tensor.name);
      EXPECT_FALSE(IsUnusedTensor(config, tensor.name)) << tensor.name;
    }
  }
}

TEST(EncoderTensors, MayHaveEarlyNamesOfNorms) {
  const EncoderConfig bert = Config(kTinyConfig);
  EXPECT_EQ(CanonicalName(bert, "bert.embeddings.LayerNorm.gamma"), "embeddings.LayerNorm.weight");
  EXPECT_EQ(CanonicalName(bert, "encoder.layer.0.output.LayerNorm.beta"),
            "encoder.layer.0.output.LayerNorm.bias");
}

TEST(EncoderTensors, AreNotTheHeadsOfPretraining) {
  const EncoderConfig bert = Config(kTinyConfig), roberta = Config(kTinyRoberta),
                      distilbert = Config(kTinyDistilBert);
  EXPECT_TRUE(IsUnusedTensor(bert, "cls.predictions.bias"));
  EXPECT_TRUE(IsUnusedTensor(roberta, "lm_head.dense.weight"));
  EXPECT_TRUE(IsUnusedTensor(roberta, CanonicalName(roberta, "roberta.pooler.dense.weight")));
  EXPECT_TRUE(IsUnusedTensor(distilbert, "vocab_projector.bias"));
  EXPECT_FALSE(IsUnusedTensor(distilbert, "cls.predictions.bias"));
}

}  // namespace
}  // namespace attune
