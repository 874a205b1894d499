// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/task_validator.h"

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr char kBase[] = "job.spec.fine_tune.image_classification.";

std::vector<FieldViolation> Violations(const std::function<void(v1::FineTune&)>& change) {
  v1::FineTune tune;
  tune.mutable_image_classification();
  change(tune);
  FieldChecks checks;
  CheckTask(tune, checks);
  return checks.Take();
}

std::vector<std::string> Fields(const std::function<void(v1::FineTune&)>& change) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : Violations(change)) fields.push_back(violation.field);
  return fields;
}

v1::ImageClassification& ImagesOf(v1::FineTune& tune) {
  return *tune.mutable_image_classification();
}

TEST(TaskValidator, ATaskIsRequired) {
  const auto violations = Violations([](auto& tune) { tune.clear_task(); });
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].field, "job.spec.fine_tune.task");
  EXPECT_THAT(violations[0].description, HasSubstr("image_classification"));
}

TEST(TaskValidator, AcceptsImagesWithAllThatTheyMayHave) {
  EXPECT_THAT(Fields([](auto&) {}), IsEmpty());
  EXPECT_THAT(Fields([](auto& tune) {
                v1::ImageClassification& task = ImagesOf(tune);
                task.set_image_size(1024);
                task.set_class_weighting(v1::CLASS_WEIGHTING_BALANCED);
                task.set_batch_norms(v1::BATCH_NORMS_TRAINED);
                task.mutable_augmentation()->set_horizontal_flip(true);
                task.mutable_augmentation()->set_min_crop_area(1);
                task.mutable_augmentation()->set_brightness(0.4);
                task.mutable_augmentation()->set_contrast(0.4);
                tune.mutable_full();
              }),
              IsEmpty());
}

TEST(TaskValidator, TellsEveryRangeOfImagesAtOnce) {
  EXPECT_THAT(Fields([](auto& tune) {
                v1::ImageClassification& task = ImagesOf(tune);
                task.set_image_size(31);
                task.set_class_weighting(static_cast<v1::ClassWeighting>(9));
                task.set_batch_norms(static_cast<v1::BatchNorms>(9));
                task.mutable_augmentation()->set_min_crop_area(1.5);
                task.mutable_augmentation()->set_brightness(1);
                task.mutable_augmentation()->set_contrast(std::numeric_limits<double>::quiet_NaN());
              }),
              UnorderedElementsAre(std::string(kBase) + "image_size",
                                   std::string(kBase) + "class_weighting",
                                   std::string(kBase) + "batch_norms",
                                   std::string(kBase) + "augmentation.min_crop_area",
                                   std::string(kBase) + "augmentation.brightness",
                                   std::string(kBase) + "augmentation.contrast"));
  EXPECT_THAT(Fields([](auto& tune) { ImagesOf(tune).set_image_size(1025); }),
              ElementsAre(std::string(kBase) + "image_size"));
  EXPECT_THAT(Fields([](auto& tune) { ImagesOf(tune).set_image_size(-1); }),
              ElementsAre(std::string(kBase) + "image_size"));
}

TEST(TaskValidator, ImagesAreVariedWithEveryMethodOfNetworks) {
  for (const auto& method :
       {+[](v1::FineTune& tune) { tune.mutable_full(); },
        +[](v1::FineTune& tune) { tune.mutable_head(); },
        +[](v1::FineTune& tune) { tune.mutable_partial()->set_top_layers(1); }}) {
    EXPECT_THAT(Fields([&](auto& tune) {
                  ImagesOf(tune).mutable_augmentation()->set_horizontal_flip(true);
                  method(tune);
                }),
                IsEmpty());
  }
}

TEST(TaskValidator, AHeadOnImagesLeavesBatchNormsAlone) {
  const auto with = [](v1::BatchNorms batch_norms) {
    return Fields([&](auto& tune) {
      ImagesOf(tune).set_batch_norms(batch_norms);
      tune.mutable_head();
    });
  };
  EXPECT_THAT(with(v1::BATCH_NORMS_TRAINED), ElementsAre(std::string(kBase) + "batch_norms"));
  EXPECT_THAT(with(v1::BATCH_NORMS_FIXED_STATISTICS), IsEmpty());
  EXPECT_THAT(with(v1::BATCH_NORMS_FROZEN), IsEmpty());
}

TEST(TaskValidator, NetworksOfImagesAreComputedInFp32) {
  const auto with = [](v1::Precision precision) {
    return Fields([&](auto& tune) { tune.mutable_hyperparameters()->set_precision(precision); });
  };
  EXPECT_THAT(with(v1::PRECISION_FP32), IsEmpty());
  EXPECT_THAT(with(v1::PRECISION_BF16),
              ElementsAre("job.spec.fine_tune.hyperparameters.precision"));
  EXPECT_THAT(with(v1::PRECISION_AUTO),
              ElementsAre("job.spec.fine_tune.hyperparameters.precision"));
}

TEST(TaskValidator, TranslationStaysWithinItsRanges) {
  const auto fields = [](const std::function<void(v1::FineTune&)>& change) {
    return Fields([&](v1::FineTune& tune) {
      tune.mutable_translation();
      change(tune);
    });
  };
  const auto beam = [&](int64_t size) {
    return fields([size](v1::FineTune& tune) {
      tune.mutable_translation()->mutable_decoding()->set_beam_size(size);
    });
  };
  const auto penalty = [&](double value) {
    return fields([value](v1::FineTune& tune) {
      tune.mutable_translation()->mutable_decoding()->set_length_penalty(value);
    });
  };
  EXPECT_THAT(fields([](v1::FineTune&) {}), IsEmpty());
  const std::string base = "job.spec.fine_tune.translation.";
  for (const int64_t good : {0, 1, 32}) EXPECT_THAT(beam(good), IsEmpty()) << good;
  for (const int64_t bad : {-1, 33}) {
    EXPECT_THAT(beam(bad), ElementsAre(base + "decoding.beam_size")) << bad;
  }
  for (const double good : {0.0, 4.0}) EXPECT_THAT(penalty(good), IsEmpty()) << good;
  for (const double bad : {-0.1, 4.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(penalty(bad), ElementsAre(base + "decoding.length_penalty")) << bad;
  }
  EXPECT_THAT(fields([](v1::FineTune& tune) { tune.mutable_translation()->set_max_length(-1); }),
              ElementsAre(base + "max_length"));
  EXPECT_THAT(fields([](v1::FineTune& tune) {
                tune.mutable_hyperparameters()->set_precision(v1::PRECISION_AUTO);
              }),
              ElementsAre("job.spec.fine_tune.hyperparameters.precision"));
}

}  // namespace
}  // namespace attune
