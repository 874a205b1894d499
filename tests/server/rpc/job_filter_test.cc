// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/job_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Refusal(std::string_view filter) {
  JobListQuery query;
  const absl::Status status = ParseJobFilter(filter, query);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << filter;
  return std::string(status.message());
}

TEST(JobFilter, EmptyKeepsEverything) {
  JobListQuery query;
  ASSERT_TRUE(ParseJobFilter("  ", query).ok());
  EXPECT_TRUE(query.states.empty());
}

TEST(JobFilter, ReadsStateAndLabelsJoinedByAnd) {
  JobListQuery query;
  ASSERT_TRUE(ParseJobFilter("state=RUNNING AND labels.team != \"n l p\"", query).ok());
  EXPECT_THAT(query.states, ElementsAre(v1::Job::RUNNING));
  ASSERT_EQ(query.labels.size(), 1u);
  EXPECT_EQ(query.labels[0].key, "team");
  EXPECT_EQ(query.labels[0].value, "n l p");
  EXPECT_FALSE(query.labels[0].equal);
}

TEST(JobFilter, SeveralStatesCanBeLeftOut) {
  JobListQuery query;
  ASSERT_TRUE(ParseJobFilter("state != FAILED AND state != CANCELLED", query).ok());
  EXPECT_TRUE(query.exclude_states);
  EXPECT_THAT(query.states, ElementsAre(v1::Job::FAILED, v1::Job::CANCELLED));
}

TEST(JobFilter, NamesTheColumnOfWhatItCannotRead) {
  EXPECT_THAT(Refusal("state = SLEEPING"), HasSubstr("column 9"));
  EXPECT_THAT(Refusal("colour = RED"), HasSubstr("column 1"));
  EXPECT_THAT(Refusal("labels.a = \"x"), HasSubstr("column 12"));
  EXPECT_THAT(Refusal("state RUNNING x"), HasSubstr("column 7"));
  EXPECT_THAT(Refusal("state = RUNNING OR state = FAILED"), HasSubstr("expected AND"));
  EXPECT_THAT(Refusal("state = RUNNING AND"), HasSubstr("ends too early"));
  EXPECT_THAT(Refusal("state = RUNNING AND state = FAILED"), HasSubstr("one state only"));
}

}  // namespace
}  // namespace attune
