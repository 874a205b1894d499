// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/image_model_folder.h"

#include <algorithm>
#include <limits>

#include "base/errors.h"
#include "formats/weights/efficientnet_plan.h"
#include "gmock/gmock.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"({
  "architecture": "tf_efficientnet_lite0", "num_classes": 3,
  "pretrained_cfg": {"input_size": [3, 64, 64], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
})";

class ImageModelFolderTest : public ::testing::Test {
 protected:
  ImageModelFolderTest() {
    folder_.Write("config.json", kConfig);
    for (const PlannedTensor& tensor : TensorsOf(*EfficientNetPlanOf("tf_efficientnet_lite0"))) {
      Add(tensor.name, tensor.shape);
    }
    Add("classifier.weight", {3, 1280});
    Add("classifier.bias", {3});
  }
  void Add(const std::string& name, const std::vector<int64_t>& shape) {
    size_t elements = 1;
    for (const int64_t size : shape) elements *= static_cast<size_t>(size);
    tensors_.push_back({name, shape, std::vector<float>(elements, 0.25F)});
  }
  TinyTensor& Tensor(const std::string& name) {
    return *std::find_if(tensors_.begin(), tensors_.end(),
                         [&name](const TinyTensor& t) { return t.name == name; });
  }
  void Drop(const std::string& name) {
    std::erase_if(tensors_, [&name](const TinyTensor& t) { return t.name == name; });
  }
  absl::StatusOr<std::unique_ptr<ImageModelFolder>> Open() {
    WriteTensors(folder_.Path("model.safetensors"), tensors_);
    return ImageModelFolder::Open(folder_.path());
  }
  std::string Error() {
    const auto model = Open();
    EXPECT_FALSE(model.ok());
    EXPECT_EQ(ErrorReasonOf(model.status()), "INVALID_MODEL");
    return std::string(model.status().message());
  }
  TempFolder folder_;
  std::vector<TinyTensor> tensors_;
};

TEST_F(ImageModelFolderTest, OpensAWholeModel) {
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->parameters(), 4'652'008 - 997 * 1281);
  EXPECT_THAT((*model)->Labels(), ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  EXPECT_THAT(*(*model)->Shape("classifier.weight"), ElementsAre(3, 1280));
  std::vector<float> bias(3);
  ASSERT_TRUE((*model)->ReadFloats("classifier.bias", absl::MakeSpan(bias)).ok());
  EXPECT_THAT(bias, ElementsAre(0.25, 0.25, 0.25));
  EXPECT_TRUE((*model)->CheckFinite().ok());
}

TEST_F(ImageModelFolderTest, NeedsNoClassifierWhereThereAreNoClasses) {
  std::string config = kConfig;
  config.replace(config.find("\"num_classes\": 3"), 16, "\"num_classes\": 0");
  folder_.Write("config.json", config);
  EXPECT_THAT(Error(), HasSubstr("classifier.bias, classifier.weight"));
  Drop("classifier.weight");
  Drop("classifier.bias");
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE((*model)->Labels().empty());
  EXPECT_FALSE((*model)->Has("classifier.weight"));
}

TEST_F(ImageModelFolderTest, IgnoresCountsOfBatches) {
  Add("bn1.num_batches_tracked", {});
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FALSE((*model)->Has("bn1.num_batches_tracked"));
}

TEST_F(ImageModelFolderTest, NamesMissingWrongAndStrangeTensors) {
  Drop("blocks.2.0.bn3.running_var");
  Tensor("blocks.1.0.conv_dw.weight").shape = {96, 3, 3, 1};
  Add("blocks.0.0.se.weight", {4});
  const std::string error = Error();
  EXPECT_THAT(error, HasSubstr("1 tensors are missing: blocks.2.0.bn3.running_var"));
  EXPECT_THAT(error,
              HasSubstr("blocks.1.0.conv_dw.weight is [96, 3, 3, 1] instead of [96, 1, 3, 3]"));
  EXPECT_THAT(error, HasSubstr("blocks.0.0.se.weight"));
}

TEST_F(ImageModelFolderTest, RefusesAClassifierOfAnotherSizeThanConfigJsonSays) {
  Tensor("classifier.bias") = {"classifier.bias", {4}, std::vector<float>(4)};
  EXPECT_THAT(Error(), HasSubstr("classifier.bias is [4] instead of [3]"));
}

TEST_F(ImageModelFolderTest, FindsValuesThatNoModelCanHave) {
  Tensor("blocks.3.1.bn1.running_var").values[7] = -0.5F;
  const auto negative = Open();
  ASSERT_TRUE(negative.ok()) << negative.status();
  EXPECT_THAT(std::string((*negative)->CheckFinite().message()),
              HasSubstr("'blocks.3.1.bn1.running_var' has a negative variance at element 7"));
  Tensor("blocks.3.1.bn1.running_var").values[7] = std::numeric_limits<float>::quiet_NaN();
  const auto nan = Open();
  ASSERT_TRUE(nan.ok()) << nan.status();
  EXPECT_THAT(std::string((*nan)->CheckFinite().message()),
              HasSubstr("blocks.3.1.bn1.running_var"));
}

TEST_F(ImageModelFolderTest, NeverOpensAPickle) {
  folder_.Write("pytorch_model.bin", "x");
  const auto model = ImageModelFolder::Open(folder_.path());
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("never read"));
}

TEST_F(ImageModelFolderTest, SaysWhenThereIsNoConfig) {
  const TempFolder empty;
  const auto model = ImageModelFolder::Open(empty.path());
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("config.json"));
}

}  // namespace
}  // namespace attune
