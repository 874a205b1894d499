// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/tuning_method.h"

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TinyJob;

class Method : public ::testing::Test {
 protected:
  // Names of what is trained, by the first word that tells.
  std::vector<std::string> Trained(const TrainerSpec& spec) {
    model_ = *TextClassifier::Load(*folder_, 2, 1);
    EXPECT_TRUE(ApplyMethod(spec, *model_).ok());
    std::vector<std::string> names;
    for (const Parameter* p : model_->trained_parameters()) {
      for (const char* part : {"embeddings", "layer.0", "layer.1", "pooler", "classifier"}) {
        const bool has = p->parts[0].name.find(part) != std::string::npos;
        if (has && (names.empty() || names.back() != part)) names.push_back(part);
      }
      EXPECT_TRUE(p->first_moment.defined() && p->second_moment.defined());
    }
    return names;
  }

  TinyJob job_;  // two layers, and no pooler
  std::unique_ptr<ModelFolder> folder_ = job_.OpenBase();
  std::unique_ptr<TextClassifier> model_;
};

TEST_F(Method, SaysWhatIsTrained) {
  EXPECT_THAT(Trained({.method = "full"}),
              ElementsAre("embeddings", "layer.0", "layer.1", "pooler", "classifier"));
  EXPECT_THAT(Trained({.method = "partial", .top_layers = 2}),
              ElementsAre("layer.0", "layer.1", "pooler", "classifier"));
  EXPECT_THAT(Trained({.method = "partial", .top_layers = 1}),
              ElementsAre("layer.1", "pooler", "classifier"));
  EXPECT_THAT(Trained({.method = "head"}), ElementsAre("pooler", "classifier"));
}

TEST_F(Method, WhatIsFrozenHasNoOptimizerState) {
  Trained({.method = "head"});
  for (const Parameter* p : model_->parameters()) {
    EXPECT_EQ(p->first_moment.defined(), p->trainable) << p->parts[0].name;
  }
}

TEST_F(Method, MoreTopLayersThanThereAreAreRefused) {
  model_ = *TextClassifier::Load(*folder_, 2, 1);
  const absl::Status status = ApplyMethod({.method = "partial", .top_layers = 3}, *model_);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 to 2"));
}

TEST_F(Method, ViolationsNameTheirFields) {
  EXPECT_THAT(MethodViolations({.method = "full"}), IsEmpty());
  EXPECT_EQ(MethodViolations({.method = "half"})[0].field, "method");
  EXPECT_EQ(MethodViolations({.method = "partial"})[0].field, "top_layers");
  TrainerSpec lora{.method = "lora"};
  lora.lora = {.rank = 0, .alpha = 0, .dropout = 1, .target_modules = {}};
  EXPECT_EQ(MethodViolations(lora).size(), 4);
}

TEST_F(Method, BackwardStopsAtTheLowestTrainedLayer) {
  Trained({.method = "partial", .top_layers = 1});
  PackedBatch batch;
  batch.Add({5, 6, 7}, {0, 0, 0});
  batch.Add({8, 9}, {0, 0});
  ClassifierActivations activations;
  const at::Tensor rows = model_->RowsAt(1, batch);
  model_->ForwardFrom(1, rows, batch, {}, &activations);
  model_->Backward(batch, {}, activations, at::ones({2, 2}));
  for (const Parameter* p : model_->parameters()) {
    EXPECT_EQ(p->grad.defined(), p->trainable) << p->parts[0].name;
  }
}

TEST_F(Method, RowsOfADepthLeadToTheSameLogits) {
  for (const Pooling pooling : {Pooling::kFirstToken, Pooling::kMean}) {
    model_ = *TextClassifier::Load(*folder_, 2, 1, pooling);
    PackedBatch batch;
    batch.Add({5, 6, 7}, {0, 0, 1});
    batch.Add({8, 9}, {0, 0});
    const at::Tensor whole = model_->Forward(batch, {}, nullptr);
    for (const int64_t depth : {0, 1, 2}) {
      EXPECT_TRUE(at::equal(
          whole, model_->ForwardFrom(depth, model_->RowsAt(depth, batch), batch, {}, nullptr)));
    }
  }
}

}  // namespace
}  // namespace attune
