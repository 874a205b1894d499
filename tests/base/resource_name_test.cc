// SPDX-License-Identifier: Apache-2.0
#include "base/resource_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(IsResourceId, FollowsThePattern) {
  EXPECT_TRUE(IsResourceId("a"));
  EXPECT_TRUE(IsResourceId("my-job-2"));
  EXPECT_TRUE(IsResourceId(std::string(63, 'a')));
  EXPECT_FALSE(IsResourceId(""));
  EXPECT_FALSE(IsResourceId(std::string(64, 'a')));
  EXPECT_FALSE(IsResourceId("2jobs"));
  EXPECT_FALSE(IsResourceId("-a"));
  EXPECT_FALSE(IsResourceId("a-"));
  EXPECT_FALSE(IsResourceId("Job"));
  EXPECT_FALSE(IsResourceId("a_b"));
  EXPECT_FALSE(IsResourceId("a/b"));
  EXPECT_FALSE(IsResourceId("caf\xc3\xa9"));
  EXPECT_FALSE(IsResourceId(std::string_view("a\0b", 3)));
}

TEST(ParseResourceName, UndoesResourceName) {
  EXPECT_EQ(ResourceName("jobs", "x"), "jobs/x");
  EXPECT_EQ(*ParseResourceName("jobs", "jobs/x"), "x");
}

TEST(ParseResourceName, RefusesOtherCollectionsAndDeeperNames) {
  for (const char* name : {"", "jobs", "jobs/", "models/x", "jobs/x/attempts/1", "x", "Jobs/x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseResourceName("jobs", name).status())) << name;
  }
}

TEST(ParseResourceName, SaysWhatWasExpectedWithoutEchoingControlBytes) {
  const absl::Status status = ParseResourceName("jobs", "jobs/\x1b[31m\n").status();
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("\"jobs/ID\""));
  EXPECT_THAT(message, HasSubstr("jobs/\\033[31m\\n"));
  EXPECT_THAT(message, Not(HasSubstr("\x1b")));
}

TEST(ParseResourceName, CutsALongNameInItsMessage) {
  const absl::Status status = ParseResourceName("jobs", std::string(1 << 20, 'z')).status();
  EXPECT_LT(status.message().size(), 400u);
}

TEST(SlugFrom, MakesALegalIdOfAnyText) {
  EXPECT_EQ(SlugFrom("Amazon Reviews (2023).jsonl"), "amazon-reviews-2023-jsonl");
  EXPECT_EQ(SlugFrom("2024 data"), "data");
  EXPECT_EQ(SlugFrom("\xe2\x82\xac!!"), "x");
  EXPECT_EQ(SlugFrom(""), "x");
  EXPECT_EQ(SlugFrom("abc-def", 4), "abc");
  EXPECT_EQ(SlugFrom("abc", 0), "x");
  EXPECT_TRUE(IsResourceId(SlugFrom(std::string(500, 'q'), 500)));
}

}  // namespace
}  // namespace attune
