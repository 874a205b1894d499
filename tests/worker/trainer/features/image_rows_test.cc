// SPDX-License-Identifier: Apache-2.0
// What frozen blocks say of images is computed once: with the same result from an empty cache, a
// full one, one that another job filled, and none.
#include "worker/trainer/features/image_rows.h"

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/deaths.h"
#include "tests/worker/trainer/testing/tiny_image_job.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using ::testing::HasSubstr;
using testing::TinyImageJob;

class FrozenImages : public ::testing::TestWithParam<const char*> {
 protected:
  FrozenImages() {
    spec_ = job_.spec;
    spec_.method = GetParam();
    spec_.top_layers = 4;
    spec_.base_model_sha256 = std::string(64, 'b');
    spec_.train.sha256 = std::string(64, '1');
    spec_.test->sha256 = std::string(64, '3');
    spec_.eval.reset();
    spec_.eval_fraction = 0.3;
    spec_.cache_dir = job_.Path("cache");
  }

  // Weights and log of a run in a folder of its own.
  std::string Run(const std::string& name, TrainerSpec spec) {
    spec.work_dir = job_.Path(name);
    EXPECT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
    job_.spec = spec;
    const auto task = job_.LoadTask();
    const AttemptResult result = Attempt().Run(spec, *task);
    EXPECT_TRUE(result.end.ok()) << result.end.status();
    const testing::Outcome outcome = testing::OutcomeOf(spec);
    return outcome.weights + outcome.metrics;
  }
  size_t Kept() {
    const auto names = PosixFileSystem().List(job_.Path("cache"));
    return names.ok() ? names->size() : 0;
  }

  TinyImageJob job_;
  TrainerSpec spec_;
};

TEST_P(FrozenImages, BytesDoNotDependOnTheCache) {
  TrainerSpec without = spec_;
  without.cache_dir = "";
  const std::string expected = Run("without", without);
  EXPECT_EQ(Kept(), 0);
  EXPECT_TRUE(Run("cold", spec_) == expected);
  EXPECT_EQ(Kept(), 2);  // of train, held-out images among them, and of test
  EXPECT_TRUE(Run("warm", spec_) == expected);

  ASSERT_TRUE(PosixFileSystem().RemoveTree(job_.Path("cache")).ok());
  TrainerSpec other = spec_;
  other.eval_fraction = 0.1;
  other.hyperparameters.seed = 99;
  Run("other", other);
  EXPECT_EQ(Kept(), 2);
  EXPECT_TRUE(Run("after another", spec_) == expected);
  EXPECT_EQ(Kept(), 2);
}

TEST_P(FrozenImages, AnotherSizeHasFilesOfItsOwn) {
  Run("first", spec_);
  TrainerSpec other = spec_;
  other.image.size = 48;
  Run("larger", other);
  EXPECT_EQ(Kept(), 4);
}

// Held-out images are not varied, so theirs are kept all the same.
TEST_P(FrozenImages, OfVariedTrainingImagesNothingIsKept) {
  spec_.image.horizontal_flip = true;
  Attempt attempt;
  const auto task = ImageClassification::Load(attempt.Parts(spec_));
  ASSERT_TRUE(task.ok()) << task.status();
  const auto notices = attempt.sink().All<NoticeFrame>();
  ASSERT_EQ(notices.size(), 1);
  EXPECT_THAT(notices[0].message, HasSubstr("augmentation"));
  EXPECT_EQ(Kept(), 2);  // of held-out images and of test
  Run("another share", [&] {
    TrainerSpec other = spec_;
    other.eval_fraction = 0.5;
    return other;
  }());
  EXPECT_EQ(Kept(), 3);
}

TEST_P(FrozenImages, AStopEndsTheComputation) {
  Attempt attempt;
  attempt.control().RequestStop("drain");
  const auto task = ImageClassification::Load(attempt.Parts(spec_));
  EXPECT_TRUE(absl::IsCancelled(task.status()));
  EXPECT_EQ(Kept(), 0);
}

INSTANTIATE_TEST_SUITE_P(Methods, FrozenImages, ::testing::Values("head", "partial"));

}  // namespace
}  // namespace attune
