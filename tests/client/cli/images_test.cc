// SPDX-License-Identifier: Apache-2.0
// Folders of images, and jobs and predictions on them.
#include <gmock/gmock.h>

#include "tests/client/cli/cli_fixture.h"

namespace attune {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ImagesTest : public CliTest {
 protected:
  ImagesTest() {
    for (const char* name : {"normal/1.png", "ill/2.png"}) {
      folder_.Write(std::string("x rays/") + name, name);
    }
    v1::Dataset images;
    images.set_name("datasets/images");
    images.set_state(v1::Dataset::READY);
    images.set_format(v1::Dataset::IMAGES);
    server_.datasets.Put(images);
    v1::Model tuned;
    tuned.set_name("models/tuned");
    tuned.set_state(v1::Model::READY);
    server_.models.Put(tuned);
  }
  v1::FineTune LastTune() { return server_.jobs.creates().back().job().spec().fine_tune(); }
  v1::Dataset LastDataset() { return server_.datasets.last_created(); }
};

TEST_F(ImagesTest, AFolderGoesUpAsOneTarNamedByIt) {
  ASSERT_EQ(Run({"datasets", "add", folder_.Path("x rays")}), 0) << err();
  EXPECT_EQ(LastDataset().file().path(), "x rays.tar");
  EXPECT_EQ(LastDataset().file().size_bytes(), 6 * 512);
  EXPECT_TRUE(server_.blobs.Has(LastDataset().file().sha256()));
  EXPECT_THAT(out(), HasSubstr("datasets/x-rays-"));
  const int64_t sent = server_.blobs.bytes_received();
  ASSERT_EQ(Run({"datasets", "add", folder_.Path("x rays/")}), 0) << err();
  EXPECT_THAT(err(), HasSubstr("is already there"));
  EXPECT_EQ(server_.blobs.bytes_received(), sent);
}

TEST_F(ImagesTest, WhatIsNoImageIsLeftOutAndTold) {
  folder_.Write("x rays/readme.md", "");
  ASSERT_EQ(Run({"datasets", "add", folder_.Path("x rays")}), 0) << err();
  EXPECT_THAT(err(),
              HasSubstr("left out 1 file that is no JPEG or PNG by name, such as readme.md"));
}

TEST_F(ImagesTest, AFolderOfAnotherFormatMakesNoSense) {
  EXPECT_EQ(Run({"datasets", "add", folder_.Path("x rays"), "--format", "csv"}), 2);
  EXPECT_THAT(err(), HasSubstr("is a folder, which can hold images only"));
  EXPECT_EQ(Run({"datasets", "add", folder_.Path("x rays"), "--format", "images"}), 0) << err();
}

TEST_F(ImagesTest, AJobIsOfTheTaskOfItsTrainingRows) {
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", "images"}), 0) << err();
  EXPECT_TRUE(LastTune().has_image_classification());
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews"}), 0) << err();
  EXPECT_TRUE(LastTune().has_text_classification());
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", "images", "--set",
                 "image_classification.image_size=64"}),
            0)
      << err();
  EXPECT_EQ(LastTune().image_classification().image_size(), 64);
  // What somebody says himself stays: the server tells why it does not fit.
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", "images", "--set",
                 "text_classification.max_length=64"}),
            0)
      << err();
  EXPECT_TRUE(LastTune().has_text_classification());
  ASSERT_EQ(Run({"datasets", "check", "images", "--base", "minilm"}), 0) << err();
  EXPECT_TRUE(LastTune().has_image_classification());
}

TEST_F(ImagesTest, ImagesArePredictedAtOnceInTheirOrder) {
  v1::PredictResponse answer;
  for (const char* label : {"normal", "ill"}) {
    v1::Prediction& row = *answer.add_rows();
    row.set_label(label);
    (*row.mutable_scores())[label] = 0.75;
  }
  server_.models.set_predictions(answer);
  const std::string one = folder_.Write("1.png", "first"), two = folder_.Write("2.png", "second");
  ASSERT_EQ(Run({"predict", "models/tuned", "--image", one, "--image", two}), 0) << err();
  EXPECT_THAT(out(), AllOf(StartsWith("LABEL   SCORE  IMAGE\nnormal  0.750  "), HasSubstr(two)));
  ASSERT_THAT(server_.models.predictions(), SizeIs(1));
  EXPECT_EQ(server_.models.predictions()[0].rows(1).image(), "second");
}

TEST_F(ImagesTest, ImagesThatCannotBeSentAreNamedBefore) {
  const std::string empty = folder_.Write("empty.png", "");
  EXPECT_EQ(Run({"predict", "models/tuned", "--image", empty}), 6);
  EXPECT_THAT(err(), HasSubstr("empty.png is empty"));
  EXPECT_EQ(Run({"predict", "models/tuned", "--image", folder_.Path("none.png")}), 6);
  EXPECT_THAT(err(), HasSubstr("none.png"));
  const std::string half = folder_.Write("half.png", std::string(2 << 20, 'x'));
  EXPECT_EQ(Run({"predict", "models/tuned", "--image", half, "--image", half}), 6);
  EXPECT_THAT(err(), AllOf(HasSubstr("more than 3.0 MiB"), HasSubstr("--data DIR")));
  EXPECT_EQ(Run({"predict", "models/tuned", "--image", half, "--text", "fine"}), 2);
  EXPECT_THAT(server_.models.predictions(), SizeIs(0));
}

}  // namespace
}  // namespace attune
