// SPDX-License-Identifier: Apache-2.0
// The methods of tuning_method.h and lora.h on an encoder–decoder, which has no head.
#include <algorithm>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_translation_job.h"
#include "worker/trainer/batching/text_pairs.h"
#include "worker/trainer/methods/lora.h"
#include "worker/trainer/methods/tuning_method.h"
#include "worker/trainer/tasks/translation_predictor.h"

namespace attune {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::TinyTranslationJob;

class TranslationMethod : public ::testing::Test {
 protected:
  std::unique_ptr<TranslationModel> Fresh() const { return *TranslationModel::Load(*folder_); }
  std::vector<std::string> Trained(const TrainerSpec& spec) {
    model_ = Fresh();
    EXPECT_TRUE(ApplyMethod(spec, *model_).ok());
    std::vector<std::string> names;
    for (const Parameter* p : model_->trained_parameters()) {
      EXPECT_TRUE(p->first_moment.defined() && p->second_moment.defined());
      for (const ParameterPart& part : p->parts) names.push_back(part.name);
    }
    return names;
  }
  PairBatch SomeBatch() const {
    const auto examples = LoadLabelledText(job_.spec.train);
    EXPECT_TRUE(examples.ok()) << examples.status();
    const auto tokenizer = folder_->OpenTokenizer();
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return Pack(TextPairs::Make(*examples, **tokenizer, 32, PairSides::kBoth), {0, 3, 5});
  }

  TinyTranslationJob job_;  // two layers a side
  std::unique_ptr<TranslationFolder> folder_ = job_.OpenBase();
  std::unique_ptr<TranslationModel> model_;
};

TEST_F(TranslationMethod, FullTrainsEveryTensor) {
  const std::vector<std::string> names = Trained({.method = "full"});
  EXPECT_THAT(names, Contains("model.shared.weight"));
  EXPECT_THAT(names, Contains("final_logits_bias"));
  EXPECT_EQ(names.size(), model_->MergedValues().size());
}

TEST_F(TranslationMethod, PartialTrainsTheTopDecoderLayersAlone) {
  EXPECT_THAT(Trained({.method = "partial", .top_layers = 1}),
              Each(StartsWith("model.decoder.layers.1.")));
  const std::vector<std::string> both = Trained({.method = "partial", .top_layers = 2});
  EXPECT_THAT(both, Each(StartsWith("model.decoder.layers.")));
  EXPECT_THAT(both, Contains("model.decoder.layers.0.ssru.forget_proj.bias"));
  model_ = Fresh();
  const absl::Status more = ApplyMethod({.method = "partial", .top_layers = 3}, *model_);
  EXPECT_THAT(std::string(more.message()), HasSubstr("1 to 2, the decoder layers"));
}

TEST_F(TranslationMethod, LoraTrainsNothingButAdaptersOfBothSides) {
  const std::vector<std::string> names =
      Trained({.method = "lora", .lora = {.target_modules = {"q_proj", "v_proj"}}});
  EXPECT_THAT(names, Each(HasSubstr("_proj.lora_")));
  EXPECT_EQ(names.size(), 2 * 2 * 4);  // A and B of two layers in each of four attentions
  EXPECT_THAT(names, Contains("model.encoder.layers.0.self_attn.q_proj.lora_A.weight"));
  EXPECT_THAT(names, Contains("model.decoder.layers.1.encoder_attn.v_proj.lora_B.weight"));
}

TEST_F(TranslationMethod, AllLinearIsEveryMatrixButTheEmbedding) {
  Trained({.method = "lora", .lora = {.target_modules = {kAllLinear}}});
  std::vector<std::string> modules = AdaptedModules(model_->linears()), matrices;
  for (const NamedTensor& value : model_->MergedValues()) {
    if (value.tensor.dim() == 2 && value.name != "model.shared.weight") {
      matrices.push_back(value.name.substr(0, value.name.size() - std::string(".weight").size()));
    }
  }
  EXPECT_THAT(modules, ::testing::UnorderedElementsAreArray(matrices));
}

TEST_F(TranslationMethod, ATargetThatFitsNothingIsToldWhatThereIs) {
  model_ = Fresh();
  const absl::Status status =
      ApplyMethod({.method = "lora", .lora = {.target_modules = {"query"}}}, *model_);
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("lora.target_modules[0]"), HasSubstr("q_proj"),
                               HasSubstr("input_proj")));
}

TEST_F(TranslationMethod, MergedAdaptersSayTheSame) {
  Trained({.method = "lora", .lora = {.rank = 3, .target_modules = {kAllLinear}, .rslora = true}});
  at::manual_seed(3);
  for (AdaptedLinear* linear : model_->linears()) {
    for (LoraAdapter& adapter : linear->adapters) adapter.b.value.normal_(0, 0.2);
  }
  const auto merged = Fresh();
  const std::vector<NamedTensor> from = model_->MergedValues(), to = ValuesOf(merged->parameters());
  ASSERT_EQ(from.size(), to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].name, to[i].name);
    at::Tensor(to[i].tensor).copy_(from[i].tensor);
  }
  const PairBatch batch = SomeBatch();
  const auto losses = [&](const TranslationModel& model) {
    return PlainLosses(model.Forward(batch, {}, 0, nullptr));
  };
  const std::vector<float> adapted = losses(*model_), copied = losses(*merged);
  float moved = 0;
  for (size_t i = 0; i < adapted.size(); ++i) {
    EXPECT_NEAR(adapted[i], copied[i], 1e-4);
    moved = std::max(moved, std::abs(adapted[i] - losses(*Fresh())[i]));
  }
  EXPECT_GT(moved, 1e-2);
}

TEST_F(TranslationMethod, WhatIsFrozenGetsNoGradient) {
  for (const TrainerSpec& spec :
       {TrainerSpec{.method = "partial", .top_layers = 1},
        TrainerSpec{.method = "lora", .lora = {.target_modules = {"q_proj"}}}}) {
    Trained(spec);
    const PairBatch batch = SomeBatch();
    TranslationActivations activations;
    model_->Forward(batch, {}, 0, &activations);
    model_->Backward(batch, {}, activations, 1);
    for (const Parameter* p : model_->parameters()) {
      EXPECT_EQ(p->grad.defined(), p->trainable) << p->parts[0].name;
    }
    for (const Parameter* p : model_->trained_parameters()) EXPECT_TRUE(p->grad.defined());
  }
}

TEST(MethodInWords, NamesNoHeadWhereThereIsNone) {
  TrainerSpec spec{.task = "translation", .method = "partial", .top_layers = 1};
  EXPECT_EQ(MethodInWords(spec), "the top 1 decoder layers");
  spec.method = "lora";
  EXPECT_THAT(MethodInWords(spec), ::testing::Not(HasSubstr("head")));
}

}  // namespace
}  // namespace attune
