// SPDX-License-Identifier: Apache-2.0
#include "formats/memory/image_memory.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

ImageMemoryInputs Lite0(const std::string& method = "full") {
  ImageMemoryInputs inputs;
  inputs.plan = *EfficientNetPlanOf("tf_efficientnet_lite0");
  inputs.outputs = 10;
  inputs.method = method;
  inputs.train_images = 2000;
  return inputs;
}

TEST(ImageMemory, HoldsEveryWeightAndWhatTrainingAddsToIt) {
  const MemoryEstimate full = EstimateImageMemory(Lite0());
  const int64_t head = 10 * 1281;
  EXPECT_EQ(full.weights, 4 * (EstimateImageMemory(Lite0("head")).weights / 4));
  EXPECT_EQ(full.weights - full.gradients, 4 * 2 * 21'008);  // a mean and a variance a channel
  EXPECT_EQ(full.optimizer, 2 * full.gradients);
  EXPECT_EQ(full.checkpoint, 3 * full.gradients);
  EXPECT_EQ(EstimateImageMemory(Lite0("head")).gradients, 4 * head);
}

TEST(ImageMemory, CountsWhatIsTrainedAndWhatItKeeps) {
  ImageMemoryInputs partial = Lite0("partial");
  partial.top_layers = 2;
  const MemoryEstimate some = EstimateImageMemory(partial);
  const MemoryEstimate all = EstimateImageMemory(Lite0());
  const MemoryEstimate head = EstimateImageMemory(Lite0("head"));
  EXPECT_LT(head.gradients, some.gradients);
  EXPECT_LT(some.gradients, all.gradients);
  EXPECT_LT(some.activations, all.activations);
  EXPECT_EQ(head.data - all.data, int64_t{4} * 1280 * 2000);         // one row of the top each
  EXPECT_EQ(some.data - all.data, int64_t{4} * 192 * 7 * 7 * 2000);  // the input of a block
}

TEST(ImageMemory, GrowsWithTheBatchTheImageAndTheStatistics) {
  const int64_t small = EstimateImageMemory(Lite0()).activations;
  ImageMemoryInputs inputs = Lite0();
  inputs.batch_size = 16;
  EXPECT_NEAR(static_cast<double>(EstimateImageMemory(inputs).activations),
              2.0 * static_cast<double>(small), 0.02 * static_cast<double>(small));
  inputs = Lite0();
  inputs.size = 448;
  EXPECT_GT(EstimateImageMemory(inputs).activations, 3 * small);
  inputs = Lite0();
  inputs.batch_statistics = true;
  EXPECT_GT(EstimateImageMemory(inputs).activations, small + small / 2);
  inputs = Lite0();
  inputs.largest_pixels = 50'000'000;
  EXPECT_EQ(EstimateImageMemory(inputs).data - EstimateImageMemory(Lite0()).data, 150'000'000);
}

TEST(ImageMemory, TrainsNothingWhereAModelIsUsedAsItIs) {
  ImageMemoryInputs inputs = Lite0();
  inputs.work = "predict";
  const MemoryEstimate estimate = EstimateImageMemory(inputs);
  EXPECT_EQ(estimate.optimizer + estimate.gradients + estimate.checkpoint, 0);
  EXPECT_GT(estimate.activations, 0);
}

}  // namespace
}  // namespace attune
