// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/hold_out.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/split.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Text(int64_t i) { return {absl::StrCat("text ", i)}; }

TEST(HoldOut, PutsEveryRowOnTheSideOfItsHash) {
  const auto rows = HoldOut(200, 0.25, Text);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->kept.size() + rows->held_out.size(), 200);
  EXPECT_GT(rows->held_out.size(), 20);
  for (const int64_t i : rows->kept) EXPECT_FALSE(IsHeldOut(Text(i), 0.25)) << i;
  for (const int64_t i : rows->held_out) EXPECT_TRUE(IsHeldOut(Text(i), 0.25)) << i;
}

TEST(HoldOut, RefusesToLeaveNothing) {
  const absl::Status status =
      HoldOut(3, 0.9999999, [](int64_t) { return std::vector<std::string>{"same"}; }).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_DATASET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("Lower eval_fraction"));
}

TEST(HoldOut, GivesBackWhatReadingFailedWith) {
  const auto read = [](int64_t i) -> absl::StatusOr<std::vector<std::string>> {
    if (i == 2) return absl::InvalidArgumentError("row 2 is torn");
    return Text(i);
  };
  EXPECT_EQ(HoldOut(4, 0.5, read).status().message(), "row 2 is torn");
}

}  // namespace
}  // namespace attune
