// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/precision.h"

#include <string>

#include "base/errors.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Bf16Ability kNone = {false, 0}, kSlow = {true, 1.29}, kFast = {true, 1.3};

Precision ChosenOf(std::string_view wanted, std::string_view recorded, const Bf16Ability& ability) {
  const auto choice = ChoosePrecision(wanted, recorded, ability);
  EXPECT_TRUE(choice.ok()) << choice.status();
  return choice.ok() ? choice->precision : Precision::kFp32;
}

TEST(ChoosePrecision, AutoTakesBf16WhereItIsQuickerByAThird) {
  EXPECT_EQ(ChosenOf("auto", "", kFast), Precision::kBf16);
  EXPECT_EQ(ChosenOf("auto", "", kSlow), Precision::kFp32);
  EXPECT_EQ(ChosenOf("auto", "", kNone), Precision::kFp32);
}

TEST(ChoosePrecision, Bf16IsTakenWhereItIsAskedForHoweverSlow) {
  EXPECT_EQ(ChosenOf("bf16", "", kSlow), Precision::kBf16);
}

TEST(ChoosePrecision, Fp32IsFp32AndNobodyIsTold) {
  const auto choice = ChoosePrecision("fp32", "", kFast);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->precision, Precision::kFp32);
  EXPECT_THAT(choice->notice, IsEmpty());
}

TEST(ChoosePrecision, ACheckpointDecidesWhateverIsMeasuredNow) {
  EXPECT_EQ(ChosenOf("auto", "bfloat16", kSlow), Precision::kBf16);
  EXPECT_EQ(ChosenOf("auto", "float32", kFast), Precision::kFp32);
  EXPECT_EQ(ChosenOf("bf16", "bfloat16", kFast), Precision::kBf16);
}

TEST(ChoosePrecision, WithoutTheInstructionsBf16IsTheJobsFault) {
  const absl::Status status = ChoosePrecision("bf16", "", kNone).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReasonOf(status), "TRAINER_REFUSED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("avx512_bf16"));
}

TEST(ChoosePrecision, WithoutTheInstructionsABf16CheckpointIsForAnotherWorker) {
  for (const char* wanted : {"bf16", "auto"}) {
    const absl::Status status = ChoosePrecision(wanted, "bfloat16", kNone).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrorReasonOf(status), "TRAINER_REFUSED");
  }
}

TEST(ChoosePrecision, TheNoticeSaysWhichAndTheMeasuredRatio) {
  EXPECT_THAT(ChoosePrecision("auto", "", {true, 1.84})->notice,
              HasSubstr("in bf16: those in bf16 are 1.84 times as fast here"));
  EXPECT_THAT(ChoosePrecision("auto", "", kSlow)->notice, HasSubstr("in fp32"));
  EXPECT_THAT(ChoosePrecision("auto", "", kNone)->notice, HasSubstr("no bf16 instructions"));
}

}  // namespace
}  // namespace attune
