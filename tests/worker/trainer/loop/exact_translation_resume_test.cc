// SPDX-License-Identifier: Apache-2.0
// The promise of exact_resume_test.cc for translation: both sides' dropout, adapters in encoder and
// decoder, frozen layers below trained ones, and evaluations that generate text.
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/deaths.h"
#include "tests/worker/trainer/testing/tiny_translation_job.h"

namespace attune {
namespace {

using testing::ExpectSameBytes;
using testing::TinyTranslationJob;

struct Variant {
  const char* name;
  void (*change)(TrainerSpec&);
};

const Variant kVariants[] = {
    {"FullWithDropoutAndSmoothing",
     [](TrainerSpec& s) {
       s.hyperparameters.dropout = 0.1;
       s.hyperparameters.label_smoothing = 0.1;
     }},
    {"LoraOnAllLayersAndBeams",
     [](TrainerSpec& s) {
       s.method = "lora";
       s.lora = {.rank = 2, .dropout = 0.2, .target_modules = {"all-linear"}};
       s.decoding = {.beam_size = 3};
     }},
    {"HeldOutAndTopDecoderLayer",
     [](TrainerSpec& s) {
       s.method = "partial";
       s.top_layers = 1;
       s.eval.reset();
       s.eval_fraction = 0.3;
     }},
};

class ExactTranslationResume : public ::testing::TestWithParam<std::tuple<Variant, int>> {};

TEST_P(ExactTranslationResume, EndsWithTheBytesOfARunThatNeverDied) {
  const auto& [variant, seed] = GetParam();
  TinyTranslationJob job;
  job.spec.eval_every_steps = 2;
  job.spec.checkpoint_every_steps = 1;
  job.spec.checkpoint_interval_seconds = 0;
  variant.change(job.spec);
  ExpectSameBytes(
      job.spec, job.Path(""), [&] { return job.LoadTask(); }, static_cast<uint64_t>(seed));
}

INSTANTIATE_TEST_SUITE_P(Jobs, ExactTranslationResume,
                         ::testing::Combine(::testing::ValuesIn(kVariants), ::testing::Range(1, 4)),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name,
                                               std::get<1>(info.param));
                         });

}  // namespace
}  // namespace attune
