// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/page_token.h"

#include <gtest/gtest.h>

#include "base/errors.h"

namespace attune {
namespace {

TEST(PageTokens, GiveThePositionBackToTheSameQuery) {
  const PageTokens tokens("secret");
  const auto position =
      tokens.Read("jobs|state = RUNNING", tokens.Make("jobs|state = RUNNING", 42));
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(*position, 42);
}

TEST(PageTokens, EmptyMeansTheFirstPage) {
  const auto position = PageTokens("secret").Read("jobs", "");
  ASSERT_TRUE(position.ok());
  EXPECT_FALSE(position->has_value());
}

TEST(PageTokens, RefuseAnotherQueryAnotherSecretAndForgery) {
  const PageTokens tokens("secret");
  const std::string token = tokens.Make("jobs", 42);
  EXPECT_EQ(ErrorReasonOf(tokens.Read("models", token).status()), "INVALID_PAGE_TOKEN");
  EXPECT_EQ(ErrorReasonOf(PageTokens("other").Read("jobs", token).status()), "INVALID_PAGE_TOKEN");
  std::string forged = token;
  forged.back() = '3';
  EXPECT_EQ(ErrorReasonOf(tokens.Read("jobs", forged).status()), "INVALID_PAGE_TOKEN");
  EXPECT_EQ(ErrorReasonOf(tokens.Read("jobs", "x").status()), "INVALID_PAGE_TOKEN");
}

TEST(PageSize, DefaultsClampsAndRefusesNegative) {
  EXPECT_EQ(*PageSize(0), 50);
  EXPECT_EQ(*PageSize(7), 7);
  EXPECT_EQ(*PageSize(1'000'000'000), 1000);
  EXPECT_EQ(PageSize(-1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attune
