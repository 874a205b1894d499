// SPDX-License-Identifier: Apache-2.0
#include "formats/memory/memory_estimate.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

constexpr int64_t kMiB = 1 << 20;

// all-MiniLM-L6-v2.
MemoryInputs SmallEncoder() {
  MemoryInputs inputs;
  inputs.model.hidden_size = 384;
  inputs.model.intermediate_size = 1536;
  inputs.model.layers = 6;
  inputs.outputs = 2;
  return inputs;
}

constexpr int64_t kEmbeddings = (30522 + 512 + 2 + 2) * 384;
constexpr int64_t kLayer = 4 * (384 * 384 + 384) + 2 * 384 * 1536 + 1536 + 384 + 4 * 384;
constexpr int64_t kHead = 384 * 384 + 384 + 2 * 385;

// Like the movie reviews: 8,530 rows of `mean` tokens, give or take `deviation`.
RowTokens Rows(int64_t mean, int64_t deviation) {
  RowTokens rows;
  for (int i = 0; i < 4265; ++i) {
    rows.Add(mean - deviation);
    rows.Add(mean + deviation);
  }
  return rows;
}

MemoryEstimate Estimate(MemoryInputs inputs, const std::string& method, int64_t batch_size = 8) {
  inputs.method = method;
  inputs.batch_size = batch_size;
  inputs.train = inputs.all = Rows(27, 11);
  return EstimateMemory(inputs);
}

TEST(MemoryEstimate, HoldsEveryWeightAndWhatTrainingAddsToIt) {
  const MemoryEstimate full = Estimate(SmallEncoder(), "full");
  EXPECT_EQ(full.weights, 4 * (kEmbeddings + 6 * kLayer + kHead));
  EXPECT_EQ(full.optimizer, 2 * full.weights);
  EXPECT_EQ(full.gradients, full.weights);
  EXPECT_EQ(full.checkpoint, 3 * full.weights);
  EXPECT_EQ(full.total(), full.weights + full.optimizer + full.gradients + full.activations +
                              full.checkpoint + full.data + full.runtime);
}

TEST(MemoryEstimate, CountsTheTrainedPartOnly) {
  MemoryInputs inputs = SmallEncoder();
  inputs.evaluated = Rows(27, 11);
  const MemoryEstimate full = Estimate(inputs, "full");
  const MemoryEstimate head = Estimate(inputs, "head");
  EXPECT_EQ(head.weights, full.weights);
  EXPECT_EQ(head.gradients, 4 * kHead);
  inputs.top_layers = 2;
  const MemoryEstimate partial = Estimate(inputs, "partial");
  EXPECT_EQ(partial.gradients, 4 * (2 * kLayer + kHead));
  EXPECT_LT(head.activations, partial.activations);
  EXPECT_LT(partial.activations, full.activations);
}

TEST(MemoryEstimate, CountsAdaptersOfTheLayersThatAreNamed) {
  MemoryInputs inputs = SmallEncoder();
  inputs.lora.rank = 4;
  const MemoryEstimate two = Estimate(inputs, "lora");
  EXPECT_EQ(two.gradients, 4 * (6 * 2 * 4 * (384 + 384) + kHead));
  EXPECT_EQ(two.weights, Estimate(inputs, "full").weights + two.gradients - 4 * kHead);
  inputs.lora.target_modules = {"all-linear"};
  EXPECT_EQ(Estimate(inputs, "lora").gradients,
            4 * (6 * 4 * (4 * (384 + 384) + 2 * (384 + 1536)) + kHead));
  inputs.lora.target_modules = {"output.dense"};
  EXPECT_EQ(Estimate(inputs, "lora").gradients, 4 * (6 * 4 * (384 + 384 + 384 + 1536) + kHead));
}

TEST(MemoryEstimate, CountsTheWholeLastLayerBelowAHeadOnTheMean) {
  MemoryInputs inputs = SmallEncoder();
  const MemoryEstimate first = Estimate(inputs, "full"), frozen = Estimate(inputs, "head");
  inputs.mean_pooling = true;
  EXPECT_GT(Estimate(inputs, "full").activations, first.activations);
  EXPECT_EQ(Estimate(inputs, "head").activations, frozen.activations);
}

TEST(MemoryEstimate, KnowsTheLayersOfAModelByItsOwnNames) {
  MemoryInputs inputs = SmallEncoder();
  inputs.model.model_type = "distilbert";
  inputs.model.type_vocab_size = 0;
  inputs.lora.target_modules = {"q_lin"};
  EXPECT_EQ(Estimate(inputs, "lora").gradients, 4 * (6 * 8 * (384 + 384) + kHead));
}

TEST(MemoryEstimate, TrainsNothingWhereAModelIsUsedAsItIs) {
  MemoryInputs inputs = SmallEncoder();
  inputs.work = "predict";
  const MemoryEstimate estimate = Estimate(inputs, "full");
  EXPECT_EQ(estimate.optimizer + estimate.gradients + estimate.checkpoint, 0);
  EXPECT_GT(estimate.activations, 0);
}

TEST(MemoryEstimate, CountsOneEvaluatedBatchAtMost) {
  MemoryInputs inputs = SmallEncoder();
  const int64_t none = Estimate(inputs, "full").activations;
  inputs.evaluated = Rows(27, 11);
  const int64_t one = Estimate(inputs, "full").activations;
  EXPECT_GT(one, none);
  inputs.evaluated = Rows(270, 11);
  EXPECT_EQ(Estimate(inputs, "full").activations, one);
}

TEST(MemoryEstimate, CountsTextsOnlyWhereNothingLaterNeedsTheirRoom) {
  MemoryInputs inputs = SmallEncoder();
  const int64_t data = Estimate(inputs, "full").data;
  inputs.text_bytes = 100 * kMiB;
  EXPECT_EQ(Estimate(inputs, "full").data, data);
  inputs.text_bytes = 5000 * kMiB;
  EXPECT_GT(Estimate(inputs, "full").data, data + 3000 * kMiB);
}

TEST(LongestBatch, LiesBetweenTheMeanAndWhatIsPossible) {
  const RowTokens rows = Rows(27, 11);
  EXPECT_EQ(rows.longest, 38);
  EXPECT_EQ(LongestBatch(rows, 1), 38);
  EXPECT_EQ(LongestBatch(rows, 8), 8 * 38);                 // clamped
  EXPECT_NEAR(LongestBatch(rows, 128), 128 * 27 + 360, 5);  // 2.9 deviations of 124.5
  EXPECT_EQ(LongestBatch(rows, 8530), 8530 * 27);
  EXPECT_EQ(LongestBatch(rows, 1'000'000), 8530 * 27);
  EXPECT_EQ(LongestBatch({}, 8), 0);
}

}  // namespace
}  // namespace attune
