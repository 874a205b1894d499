// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/translation_outputs.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<float> Written(const TranslationOutput& output, int64_t longest) {
  std::vector<float> row(static_cast<size_t>(OutputWidth(longest)), 99.0f);
  WriteOutput(output, absl::MakeSpan(row));
  return row;
}

TEST(TranslationOutputs, AreFloatsWithAFixedPlaceEach) {
  EXPECT_THAT(Written({.loss = 2.5, .tokens = 7, .correct = 6, .translation = {40, 0, 8}}, 5),
              ElementsAre(2.5f, 7, 6, 40, 0, 8, -1, -1));
}

TEST(TranslationOutputs, ComeBackAsTheyWere) {
  constexpr int32_t kLargest = (1 << 24) - 1;
  for (const std::vector<int32_t>& ids :
       {std::vector<int32_t>{}, {0}, {kLargest, kLargest - 1, 3}, {5, 6, 7, 8}}) {
    const TranslationOutput back = ReadOutput(
        Written({.loss = 0.125, .tokens = kLargest, .correct = 3, .translation = ids}, 4));
    EXPECT_EQ(back.translation, ids);
    EXPECT_EQ(back.loss, 0.125);
    EXPECT_EQ(back.tokens, kLargest);
    EXPECT_EQ(back.correct, 3);
  }
}

TEST(TranslationOutputs, OfNothingIsNothing) {
  const std::vector<float> row = Written({}, 0);
  EXPECT_THAT(row, ElementsAre(0, 0, 0));
  EXPECT_THAT(ReadOutput(row).translation, IsEmpty());
}

}  // namespace
}  // namespace attune
