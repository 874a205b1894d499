// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/efficientnet_plan.h"

#include <algorithm>
#include <set>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

int64_t Elements(const PlannedTensor& tensor) {
  int64_t elements = 1;
  for (const int64_t size : tensor.shape) elements *= size;
  return elements;
}

int64_t ParametersOf(const std::string& architecture) {
  int64_t sum = 0;
  for (const PlannedTensor& tensor : TensorsOf(*EfficientNetPlanOf(architecture))) {
    if (!tensor.buffer) sum += Elements(tensor);
  }
  return sum;
}

// The published counts, less the classifier over 1,000 classes.
TEST(EfficientNetPlan, HasThePublishedNumberOfParameters) {
  constexpr int64_t kClassifier = 1000 * 1280 + 1000;
  EXPECT_EQ(ParametersOf("tf_efficientnet_lite0") + kClassifier, 4'652'008);
  EXPECT_EQ(ParametersOf("tf_efficientnet_lite1") + kClassifier, 5'416'680);
  EXPECT_EQ(ParametersOf("tf_efficientnet_lite2") + kClassifier, 6'092'072);
}

TEST(EfficientNetPlan, ChainsItsBlocks) {
  for (const char* architecture :
       {"tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"}) {
    const EfficientNetPlan plan = *EfficientNetPlanOf(architecture);
    int64_t in = plan.stem, halvings = 1;
    for (const InvertedBlock& block : plan.blocks) {
      EXPECT_EQ(block.in, in) << block.name;
      in = block.out;
      halvings += block.stride == 2;
    }
    EXPECT_EQ(halvings, 5) << architecture;
  }
  EXPECT_EQ(EfficientNetPlanOf("tf_efficientnet_lite0")->blocks.size(), 16U);
  EXPECT_EQ(EfficientNetPlanOf("tf_efficientnet_lite2")->blocks.size(), 21U);
}

TEST(EfficientNetPlan, NamesTensorsAsTimmDoes) {
  const std::vector<PlannedTensor> tensors =
      TensorsOf(*EfficientNetPlanOf("tf_efficientnet_lite0"));
  EXPECT_EQ(tensors.front().name, "conv_stem.weight");
  EXPECT_EQ(tensors.back().name, "bn2.running_var");
  const auto shape = [&tensors](const std::string& name) {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&name](const PlannedTensor& t) { return t.name == name; });
    return found == tensors.end() ? std::vector<int64_t>{} : found->shape;
  };
  EXPECT_THAT(shape("blocks.0.0.conv_dw.weight"), ElementsAre(32, 1, 3, 3));
  EXPECT_THAT(shape("blocks.0.0.conv_pw.weight"), ElementsAre(16, 32, 1, 1));
  EXPECT_THAT(shape("blocks.0.0.bn2.running_mean"), ElementsAre(16));
  EXPECT_THAT(shape("blocks.1.0.conv_pw.weight"), ElementsAre(96, 16, 1, 1));
  EXPECT_THAT(shape("blocks.5.3.conv_dw.weight"), ElementsAre(1152, 1, 5, 5));
  EXPECT_THAT(shape("blocks.6.0.conv_pwl.weight"), ElementsAre(320, 1152, 1, 1));
  EXPECT_THAT(shape("conv_head.weight"), ElementsAre(1280, 320, 1, 1));
  std::set<std::string> names;
  for (const PlannedTensor& tensor : tensors) names.insert(tensor.name);
  EXPECT_EQ(names.size(), tensors.size());
}

TEST(EfficientNetPlan, AddsTheInputOnlyWhereShapesAreEqual) {
  const EfficientNetPlan plan = *EfficientNetPlanOf("tf_efficientnet_lite0");
  std::vector<std::string> residual;
  for (const InvertedBlock& block : plan.blocks) {
    if (block.residual()) residual.push_back(block.name);
  }
  EXPECT_THAT(residual,
              ElementsAre("blocks.1.1", "blocks.2.1", "blocks.3.1", "blocks.3.2", "blocks.4.1",
                          "blocks.4.2", "blocks.5.1", "blocks.5.2", "blocks.5.3"));
}

TEST(EfficientNetPlan, KnowsNoOtherArchitecture) {
  EXPECT_FALSE(EfficientNetPlanOf("tf_efficientnet_b0").has_value());
  EXPECT_FALSE(EfficientNetPlanOf("").has_value());
}

}  // namespace
}  // namespace attune
