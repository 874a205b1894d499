// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/image_model_config.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

const Json kWhole = Json::parse(R"({
  "architecture": "tf_efficientnet_lite1", "num_classes": 2, "label_names": ["cat", "dog"],
  "pretrained_cfg": {"input_size": [3, 240, 240], "mean": [0.5, 0.25, 0.125], "std": [1, 2, 0.5],
                     "interpolation": "bilinear", "crop_pct": 0.9, "classifier": "classifier"}
})");

ImageModelConfig Parsed(const Json& json) {
  Problems problems;
  ImageModelConfig config = ParseImageModelConfig(json.dump(), problems);
  EXPECT_TRUE(problems.empty()) << ToText(problems.first()[0]);
  return config;
}

std::string ErrorOf(const Json& json) {
  Problems problems;
  ParseImageModelConfig(json.dump(), problems);
  return problems.empty() ? "" : ToText(problems.first()[0]);
}

// With one key, of pretrained_cfg where `inner`, set to something else.
std::string ErrorWith(bool inner, const char* key, const Json& value) {
  Json json = kWhole;
  (inner ? json["pretrained_cfg"] : json)[key] = value;
  return ErrorOf(json);
}

TEST(ImageModelConfig, ReadsWhatTimmWrites) {
  const ImageModelConfig config = Parsed(kWhole);
  EXPECT_EQ(config.architecture, "tf_efficientnet_lite1");
  EXPECT_EQ(config.classes, 2);
  EXPECT_THAT(config.labels, ElementsAre("cat", "dog"));
  EXPECT_EQ(config.transform.size, 240);
  EXPECT_EQ(config.transform.crop_share, 0.9);
  EXPECT_EQ(config.transform.filter, ResizeFilter::kBilinear);
  EXPECT_THAT(config.transform.mean, ElementsAre(0.5F, 0.25F, 0.125F));
  EXPECT_THAT(config.transform.std, ElementsAre(1, 2, 0.5F));
}

TEST(ImageModelConfig, TakesTimmsDefaultsForWhatIsMissing) {
  Json json = kWhole;
  for (const char* key : {"num_classes", "label_names"}) json.erase(key);
  for (const char* key : {"interpolation", "crop_pct"}) json["pretrained_cfg"].erase(key);
  const ImageModelConfig config = Parsed(json);
  EXPECT_EQ(config.classes, 0);
  EXPECT_EQ(config.transform.filter, ResizeFilter::kBicubic);
  EXPECT_EQ(config.transform.crop_share, 0.875);
}

TEST(ImageModelConfig, SaysWhichKeyIsWrong) {
  EXPECT_THAT(ErrorWith(false, "architecture", "resnet50"), HasSubstr("\"resnet50\" is not"));
  EXPECT_THAT(ErrorWith(false, "num_classes", -1), HasSubstr("num_classes must be an integer"));
  EXPECT_THAT(ErrorWith(false, "label_names", {"cat"}), HasSubstr("num_classes = 2 names"));
  EXPECT_THAT(ErrorWith(false, "label_names", {"cat", 3}), HasSubstr("num_classes = 2 names"));
  EXPECT_THAT(ErrorWith(false, "problem_type", "other"), HasSubstr("problem_type \"other\""));
  EXPECT_THAT(ErrorWith(false, "pretrained_cfg", 1), HasSubstr("pretrained_cfg"));
  EXPECT_THAT(ErrorWith(true, "input_size", {3, 240, 241}), HasSubstr("input_size"));
  EXPECT_THAT(ErrorWith(true, "input_size", {3, 31, 31}), HasSubstr("from 32 to 1024"));
  EXPECT_THAT(ErrorWith(true, "input_size", {1, 64, 64}), HasSubstr("[3, N, N]"));
  EXPECT_THAT(ErrorWith(true, "mean", {1, 2}), HasSubstr("pretrained_cfg.mean"));
  EXPECT_THAT(ErrorWith(true, "std", {1, 0, 1}), HasSubstr("pretrained_cfg.std"));
  EXPECT_THAT(ErrorWith(true, "interpolation", "nearest"), HasSubstr("bicubic, bilinear"));
  EXPECT_THAT(ErrorWith(true, "crop_pct", 1.5), HasSubstr("crop_pct must be a number"));
  EXPECT_THAT(ErrorWith(true, "crop_mode", "squash"), HasSubstr("crop_mode"));
  EXPECT_THAT(ErrorOf(Json::array()), HasSubstr("expected an object"));
}

TEST(ImageModelConfig, IsToldFromOneOfAnEncoder) {
  EXPECT_TRUE(IsImageModelConfig(kWhole.dump()));
  EXPECT_TRUE(IsImageModelConfig(R"({"architecture": "resnet50"})"));
  EXPECT_FALSE(IsImageModelConfig(R"({"model_type": "bert", "architectures": ["BertModel"]})"));
  EXPECT_FALSE(IsImageModelConfig("{"));
}

TEST(ImageModelConfig, IsRewrittenForOtherClasses) {
  Json json = kWhole;
  json["label_descriptions"] = {{"cat", "a cat"}};
  json["pretrained_cfg"]["num_classes"] = 2;
  const auto text =
      ConfigForImageClassifier(json.dump(), {"a", "b", "c"}, "single_label_classification", 128);
  ASSERT_TRUE(text.ok()) << text.status();
  const ImageModelConfig config = Parsed(Json::parse(*text));
  EXPECT_THAT(config.labels, ElementsAre("a", "b", "c"));
  EXPECT_EQ(config.classes, 3);
  EXPECT_EQ(config.problem_type, "single_label_classification");
  EXPECT_EQ(config.transform.size, 128);
  const Json written = Json::parse(*text);
  EXPECT_EQ(written["pretrained_cfg"]["classifier"], "classifier");
  EXPECT_EQ(written["pretrained_cfg"]["num_classes"], 3);
  EXPECT_FALSE(written.contains("label_descriptions"));
}

TEST(ImageModelConfig, GivesARegressionOneOutput) {
  const auto text = ConfigForImageClassifier(kWhole.dump(), {}, "regression", 240);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(Parsed(Json::parse(*text)).classes, 1);
}

}  // namespace
}  // namespace attune
