// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/image_batch.h"

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_image_job.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class ImageBatch : public ::testing::Test {
 protected:
  ImageBatch() { transform_.size = 40; }

  ImageSet Set(const std::vector<std::pair<std::string, std::string>>& members) {
    const std::string path = JoinPath(folder_.path(), "images.tar");
    EXPECT_TRUE(PosixFileSystem().WriteFileAtomically(path, testing::TarOf(members)).ok());
    auto archive = ImageArchive::Open({.path = path, .format = "images", .label_kind = "none"});
    EXPECT_TRUE(archive.ok()) << archive.status();
    return ImageSet(*std::move(archive));
  }
  ImageSet Three() {
    return Set({{"c.png", testing::NoisyPng(50, 60, 200, 100, 50, 3)},
                {"a.png", testing::NoisyPng(33, 45, 20, 100, 150, 1)},
                {"b.png", testing::NoisyPng(70, 41, 90, 90, 90, 2)}});
  }

  testing::TemporaryFolder folder_;
  ImageTransform transform_;
};

TEST_F(ImageBatch, IsWhatEachImageIsAlone) {
  const ImageSet set = Three();
  EXPECT_EQ(set.image(0).name, "a.png");
  const std::vector<int64_t> examples = {2, 0, 1};
  const auto batch = FittedBatch(set, examples, transform_);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->sizes(), at::IntArrayRef({3, 3, 40, 40}));
  for (size_t i = 0; i < examples.size(); ++i) {
    const at::Tensor alone = FittedImage(*set.Decode(examples[i]), transform_);
    EXPECT_TRUE(at::equal(batch->narrow(0, static_cast<int64_t>(i), 1), alone));
  }
}

TEST_F(ImageBatch, VariesByEpochAndPlaceInTheFileAlone) {
  const ImageSet set = Three();
  const ImageSpec spec{.horizontal_flip = true, .min_crop_area = 0.2, .brightness = 0.5};
  const auto batch = [&](const ImageSet& of, const std::vector<int64_t>& examples, int64_t epoch) {
    return *VariedBatch(of, examples, transform_, spec, 1, epoch);
  };
  const at::Tensor first = batch(set, {0, 1, 2}, 4);
  EXPECT_TRUE(at::equal(first, batch(set, {0, 1, 2}, 4)));
  EXPECT_FALSE(at::equal(first, batch(set, {0, 1, 2}, 5)));
  // Whatever else is in the batch, or was left out of the set.
  EXPECT_TRUE(at::equal(first.narrow(0, 2, 1), batch(set, {2}, 4)));
  EXPECT_TRUE(at::equal(first.narrow(0, 2, 1), batch(set.Select({2}), {0}, 4)));
}

TEST_F(ImageBatch, WithoutAugmentationTrainingSeesWhatEvaluationSees) {
  const ImageSet set = Three();
  EXPECT_TRUE(at::equal(*VariedBatch(set, {0, 1}, transform_, {}, 1, 3),
                        *FittedBatch(set, {0, 1}, transform_)));
}

TEST_F(ImageBatch, NamesAnImageThatIsNone) {
  const ImageSet set = Set(
      {{"a.png", testing::NoisyPng(40, 40, 9, 9, 9, 1)}, {"cats/b.jpg", "<html>no image</html>"}});
  const absl::Status status = FittedBatch(set, {0, 1}, transform_).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("cats/b.jpg"));
}

}  // namespace
}  // namespace attune
