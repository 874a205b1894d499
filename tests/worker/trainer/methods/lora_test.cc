// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/lora.h"

#include <cmath>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/slope.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TinyJob;

class Lora : public ::testing::Test {
 protected:
  Lora() : folder_(job_.OpenBase()), model_(Fresh()) {}
  std::unique_ptr<TextClassifier> Fresh() const { return *TextClassifier::Load(*folder_, 3, 9); }

  TinyJob job_;  // its base has no pooler
  std::unique_ptr<ModelFolder> folder_;
  std::unique_ptr<TextClassifier> model_;
};

PackedBatch SomeBatch() {
  PackedBatch batch;
  for (const int32_t length : {3, 17, 8, 1, 33}) {
    std::vector<int32_t> ids, types;
    for (int32_t i = 0; i < length; ++i) {
      ids.push_back(5 + (7 * i + length) % 12);
      types.push_back(i > length / 2);
    }
    batch.Add(ids, types);
  }
  return batch;
}

TEST_F(Lora, AdaptsWhatTheTargetsName) {
  ASSERT_TRUE(AddAdapters({.target_modules = {"key", "output.dense"}}, 1, *model_).ok());
  EXPECT_THAT(
      AdaptedModules(model_->linears()),
      ElementsAre(
          "bert.encoder.layer.0.attention.self.key", "bert.encoder.layer.0.attention.output.dense",
          "bert.encoder.layer.0.output.dense", "bert.encoder.layer.1.attention.self.key",
          "bert.encoder.layer.1.attention.output.dense", "bert.encoder.layer.1.output.dense"));
}

TEST_F(Lora, TrainsAdaptersAndHeadOnly) {
  ASSERT_TRUE(AddAdapters({.target_modules = {"query"}}, 1, *model_).ok());
  std::vector<std::string> names;
  for (const Parameter* p : model_->trained_parameters()) names.push_back(p->parts[0].name);
  const std::string layer = "bert.encoder.layer.", query = ".attention.self.query.lora_";
  EXPECT_THAT(names,
              ElementsAre("bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight",
                          "classifier.bias", layer + "0" + query + "A.weight",
                          layer + "0" + query + "B.weight", layer + "1" + query + "A.weight",
                          layer + "1" + query + "B.weight"));
}

TEST_F(Lora, SaysWhichTargetFitsNothingAndWhatWould) {
  const absl::Status status = AddAdapters({.target_modules = {"query", "q_proj"}}, 1, *model_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"lora.target_modules[1]", "dense, key, query, value", "all-linear"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST_F(Lora, StartsAsTheBaseFromTheSeed) {
  ASSERT_TRUE(AddAdapters({.target_modules = {"all-linear"}}, 1, *model_).ok());
  const auto base = Fresh(), same = Fresh(), other = Fresh();
  ASSERT_TRUE(AddAdapters({.target_modules = {"value"}}, 1, *same).ok());
  ASSERT_TRUE(AddAdapters({.target_modules = {"value"}}, 2, *other).ok());
  const PackedBatch batch = SomeBatch();
  EXPECT_TRUE(at::equal(model_->Forward(batch, {}, nullptr), base->Forward(batch, {}, nullptr)));
  const at::Tensor& a = model_->encoder().layer(0).attention.qkv.adapters[2].a.value;
  EXPECT_TRUE(at::equal(a, same->encoder().layer(0).attention.qkv.adapters[0].a.value));
  EXPECT_FALSE(at::equal(a, other->encoder().layer(0).attention.qkv.adapters[0].a.value));
  const double bound = 1 / std::sqrt(32.0);
  EXPECT_LE(a.abs().max().item<double>(), bound);
  EXPECT_NEAR(a.std().item<double>(), bound / std::sqrt(3.0), 0.02);
}

TEST_F(Lora, MergedWeightsSayTheSame) {
  ASSERT_TRUE(
      AddAdapters({.rank = 3, .target_modules = {"all-linear"}, .rslora = true}, 1, *model_).ok());
  at::manual_seed(3);
  for (AdaptedLinear* linear : model_->linears()) {
    for (LoraAdapter& adapter : linear->adapters) adapter.b.value.normal_(0, 0.5);
  }
  const auto merged = Fresh();
  const std::vector<NamedTensor> from = model_->MergedValues(), to = ValuesOf(merged->parameters());
  ASSERT_EQ(from.size(), to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].name, to[i].name);
    at::Tensor(to[i].tensor).copy_(from[i].tensor);
  }
  const PackedBatch batch = SomeBatch();
  const at::Tensor adapted = model_->Forward(batch, {}, nullptr);
  EXPECT_GT((adapted - Fresh()->Forward(batch, {}, nullptr)).abs().max().item<float>(), 1e-2);
  EXPECT_LT((adapted - merged->Forward(batch, {}, nullptr)).abs().max().item<float>(), 1e-5);
}

// With dropout everywhere: the masks are functions of their keys, so the slope along any direction
// is too.
TEST_F(Lora, BackwardEqualsTheSlopeOfForward) {
  ASSERT_TRUE(AddAdapters({.rank = 3, .target_modules = {"all-linear"}}, 1, *model_).ok());
  at::manual_seed(4);
  for (AdaptedLinear* linear : model_->linears()) {
    for (LoraAdapter& adapter : linear->adapters) adapter.b.value.normal_(0, 0.3);
  }
  const PackedBatch batch = SomeBatch();
  const ForwardMode mode{{0.1, 0.2, 0.3, 0.25}, {1, 2, 3}};
  const at::Tensor dlogits = at::randn({batch.sequences(), 3});
  ClassifierActivations activations;
  model_->Forward(batch, mode, &activations);
  model_->Backward(batch, mode, activations, dlogits);
  const auto value = [&] {
    return (model_->Forward(batch, mode, nullptr) * dlogits).sum(at::kDouble).item<double>();
  };
  ExpectSlopes(model_->trained_parameters(), value, 1e-2);
  for (const Parameter* p : model_->parameters()) {
    EXPECT_EQ(p->grad.defined(), p->trainable) << p->parts[0].name;
  }
}

}  // namespace
}  // namespace attune
