// SPDX-License-Identifier: Apache-2.0
#include "formats/problems.h"

#include "base/errors.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

TEST(Problems, AreTextWithPlaceAndRemedy) {
  EXPECT_EQ(ToText({"train", 7, 3, "no label", "Add one."}), "train:7:3: no label. Add one.");
  EXPECT_EQ(ToText({"", 7, 0, "no label", ""}), "line 7: no label");
  EXPECT_EQ(ToText({"", 0, 0, "no rows", "Add rows."}), "no rows. Add rows.");
}

TEST(Problems, KeepTheFirstHundredAndCountAll) {
  Problems problems;
  for (int i = 1; i <= 250; ++i) problems.Add({"", i, 1, "bad", ""});
  EXPECT_EQ(problems.count(), 250);
  ASSERT_EQ(problems.first().size(), 100u);
  EXPECT_EQ(problems.first().back().line, 100);
}

TEST(Problems, MergeKeepsCountsAndFillsInWhere) {
  Problems all, eval;
  all.Add("first", "");
  for (int i = 0; i < 150; ++i) eval.Add({i == 0 ? "own" : "", i, 0, "bad", ""});
  all.Merge(eval, "eval");
  EXPECT_EQ(all.count(), 151);
  EXPECT_EQ(all.first()[1].where, "own");
  EXPECT_EQ(all.first()[2].where, "eval");
}

TEST(Problems, BecomeOneStatusThatNamesFiveAtMost) {
  Problems problems;
  EXPECT_TRUE(problems.ToStatus("INVALID_DATASET", "the dataset").ok());
  for (int i = 1; i <= 6; ++i) problems.Add({"", i, 1, "bad", ""});
  const absl::Status status = problems.ToStatus("INVALID_DATASET", "the dataset");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_DATASET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("6 problems"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 5:1: bad | …"));
}

TEST(Problems, ArePlacedInWhatHoldsThem) {
  Problems problems;
  problems.Add({"a/1.png", 0, 0, "message", "Remedy."});
  problems.Add({"", 7, 0, "message", "Remedy."});
  problems.PlaceIn("train");
  EXPECT_EQ(ToText(problems.first()[0]), "train: a/1.png: message. Remedy.");
  EXPECT_EQ(ToText(problems.first()[1]), "train:7: message. Remedy.");
}

}  // namespace
}  // namespace attune
