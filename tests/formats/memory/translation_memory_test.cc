// SPDX-License-Identifier: Apache-2.0
#include "formats/memory/translation_memory.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

// Of packages.md's students: 16,907,008 weights.
TranslationMemoryInputs Student(const std::string& method = "full") {
  TranslationMemoryInputs inputs;
  inputs.model = {.vocab_size = 32000,
                  .hidden_size = 256,
                  .feed_forward_size = 1536,
                  .encoder_layers = 6,
                  .decoder_layers = 2,
                  .heads = 8};
  inputs.method = method;
  for (int i = 0; i < 1000; ++i) {
    inputs.train.source.Add(20);
    inputs.train.target.Add(25);
  }
  return inputs;
}

TEST(TranslationMemory, HoldsEveryWeightAndWhatTrainingAddsToIt) {
  const MemoryEstimate full = EstimateTranslationMemory(Student());
  EXPECT_EQ(full.weights, int64_t{4} * 16'907'008);
  EXPECT_EQ(full.gradients, full.weights);
  EXPECT_EQ(full.optimizer, 2 * full.weights);
  EXPECT_EQ(full.checkpoint, 3 * full.weights);
}

TEST(TranslationMemory, CountsTheAdaptersOfBothStacks) {
  TranslationMemoryInputs lora = Student("lora");
  lora.lora = {.rank = 4, .target_modules = {"q_proj", "v_proj"}};
  // Queries and values of six encoder layers, and of the cross-attention of two decoder layers.
  const int64_t adapters = (6 + 2) * 2 * 4 * (256 + 256);
  EXPECT_EQ(EstimateTranslationMemory(lora).gradients, 4 * adapters);
  EXPECT_EQ(EstimateTranslationMemory(lora).weights, 4 * (16'907'008 + adapters));
  lora.lora.target_modules = {"all-linear"};
  const int64_t layer = 4 * (256 + 256) + 2 * (256 + 1536);
  EXPECT_EQ(EstimateTranslationMemory(lora).gradients,
            4 * 4 * (6 * layer + 2 * (layer + 2 * (256 + 256))));
}

TEST(TranslationMemory, TrainsNoMoreThanTheTopDecoderLayers) {
  TranslationMemoryInputs full = Student(), partial = Student("partial");
  full.batch_size = partial.batch_size = 64;
  partial.top_layers = 1;
  const MemoryEstimate one = EstimateTranslationMemory(partial);
  partial.top_layers = 2;
  const MemoryEstimate two = EstimateTranslationMemory(partial);
  EXPECT_EQ(two.gradients, 2 * one.gradients);
  EXPECT_LT(one.activations, EstimateTranslationMemory(full).activations);
  partial.top_layers = 9;  // there are two
  EXPECT_EQ(EstimateTranslationMemory(partial).gradients, two.gradients);
}

TEST(TranslationMemory, GrowsWithTheBatchAndWithEitherSide) {
  TranslationMemoryInputs inputs = Student();
  const int64_t before = EstimateTranslationMemory(inputs).activations;
  inputs.batch_size = 32;
  EXPECT_GT(EstimateTranslationMemory(inputs).activations, before);
  inputs = Student();
  for (int i = 0; i < 1000; ++i) inputs.train.target.Add(400);
  EXPECT_GT(EstimateTranslationMemory(inputs).activations, before);
}

TEST(TranslationMemory, UseNeedsNeitherGradientsNorCheckpoints) {
  TranslationMemoryInputs inputs = Student();
  inputs.work = "predict";
  inputs.train = {};
  for (int i = 0; i < 10; ++i) inputs.evaluated.source.Add(20);
  const MemoryEstimate greedy = EstimateTranslationMemory(inputs);
  EXPECT_EQ(greedy.gradients + greedy.optimizer + greedy.checkpoint, 0);
  EXPECT_EQ(greedy.weights, int64_t{4} * 16'907'008);
  inputs.beam_size = 8;  // a row of logits each
  EXPECT_GT(EstimateTranslationMemory(inputs).activations, greedy.activations);
}

}  // namespace
}  // namespace attune
