// SPDX-License-Identifier: Apache-2.0
// The promise of exact_resume_test.cc for images: what they alone have is running statistics,
// augmentation that depends on the epoch, and rows of frozen blocks.
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/deaths.h"
#include "tests/worker/trainer/testing/tiny_image_job.h"

namespace attune {
namespace {

using testing::ExpectSameBytes;
using testing::TinyImageJob;

struct Variant {
  const char* name;
  void (*change)(TrainerSpec&);
};

const Variant kVariants[] = {
    {"TrainedNormsAndAugmentation",
     [](TrainerSpec& s) {
       s.image = {.horizontal_flip = true,
                  .min_crop_area = 0.3,
                  .brightness = 0.2,
                  .contrast = 0.2,
                  .batch_norms = "trained"};
       s.hyperparameters.dropout = 0.2;
     }},
    {"Head", [](TrainerSpec& s) { s.method = "head"; }},
    {"HeldOutAndAugmentedTopBlocks",
     [](TrainerSpec& s) {
       s.method = "partial";
       s.top_layers = 3;
       s.image.min_crop_area = 0.5;
       s.image.batch_norms = "trained";
       s.eval.reset();
       s.eval_fraction = 0.3;
     }},
    {"TopBlocks",
     [](TrainerSpec& s) {
       s.method = "partial";
       s.top_layers = 2;
     }},
};

class ExactImageResume : public ::testing::TestWithParam<std::tuple<Variant, int>> {};

TEST_P(ExactImageResume, EndsWithTheBytesOfARunThatNeverDied) {
  const auto& [variant, seed] = GetParam();
  TinyImageJob job;
  job.spec.eval_every_steps = 2;
  job.spec.checkpoint_every_steps = 1;
  job.spec.checkpoint_interval_seconds = 0;
  job.spec.cache_dir = job.Path("cache");
  job.spec.base_model_sha256 = std::string(64, 'b');
  job.spec.train.sha256 = std::string(64, '1');
  job.spec.test->sha256 = std::string(64, '3');
  variant.change(job.spec);
  ExpectSameBytes(
      job.spec, job.Path(""), [&] { return job.LoadTask(); }, static_cast<uint64_t>(seed));
}

INSTANTIATE_TEST_SUITE_P(Jobs, ExactImageResume,
                         ::testing::Combine(::testing::ValuesIn(kVariants), ::testing::Range(1, 4)),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name,
                                               std::get<1>(info.param));
                         });

}  // namespace
}  // namespace attune
