// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/image_classifier.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "tests/worker/trainer/testing/tiny_image_job.h"

namespace attune {
namespace {

using testing::TinyImageJob;

class ImageClassifierTest : public ::testing::Test {
 protected:
  ImageClassifierTest() : folder_(*ImageModelFolder::Open(job_.spec.base_model_dir)) {}
  std::unique_ptr<ImageClassifier> Load(uint64_t seed) const {
    auto model = ImageClassifier::Load(*folder_, 4, seed);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  TinyImageJob job_;
  std::unique_ptr<ImageModelFolder> folder_;
};

TEST_F(ImageClassifierTest, AMissingHeadStartsFromTheSeed) {
  const auto model = Load(9), same = Load(9), other = Load(10);
  const auto head = [](const auto& m) { return m->head_parameters()[0]->value; };
  EXPECT_TRUE(at::equal(head(model), head(same)));
  EXPECT_FALSE(at::equal(head(model), head(other)));
  EXPECT_NEAR(head(model).std().template item<double>(), 0.02, 0.002);
  EXPECT_EQ(model->head_parameters()[1]->value.abs().max().item<float>(), 0);
}

TEST_F(ImageClassifierTest, KeepsEveryTensorOfTheFolder) {
  const auto model = Load(9);
  std::vector<Parameter*> all = model->parameters();
  for (Parameter* p : model->buffers()) all.push_back(p);
  EXPECT_GT(all.size(), 200U);
  for (const Parameter* p : all) {
    if (!folder_->Has(p->parts[0].name)) continue;  // the head
    at::Tensor expected = at::empty_like(p->value);
    ASSERT_TRUE(
        folder_
            ->ReadFloats(p->parts[0].name, absl::MakeSpan(expected.mutable_data_ptr<float>(),
                                                          static_cast<size_t>(expected.numel())))
            .ok());
    EXPECT_TRUE(at::equal(p->value, expected)) << p->parts[0].name;
  }
}

TEST_F(ImageClassifierTest, TellsTheWidthOfItsRows) {
  const auto model = Load(9);
  EXPECT_EQ(model->depth(), 16);
  EXPECT_EQ(model->WidthAt(0, 224), 112 * 112 * 32);
  EXPECT_EQ(model->WidthAt(2, 224), 56 * 56 * 24);
  EXPECT_EQ(model->WidthAt(15, 224), 7 * 7 * 192);
  EXPECT_EQ(model->WidthAt(16, 224), 1280);
  EXPECT_EQ(model->RowsAt(15, at::zeros({2, 3, 40, 40})).size(1), model->WidthAt(15, 40));
}

}  // namespace
}  // namespace attune
