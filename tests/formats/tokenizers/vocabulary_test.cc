// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/vocabulary.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::vector<std::pair<std::string, int64_t>> tokens) {
  return std::string(Vocabulary::Create(std::move(tokens)).status().message());
}

TEST(Vocabulary, KnowsItsTokensById) {
  const auto vocabulary = Vocabulary::Create({{"a", 7}, {"b", 2}});
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(vocabulary->Id("a"), 7);
  EXPECT_EQ(vocabulary->Id("c"), std::nullopt);
  EXPECT_EQ(vocabulary->max_id(), 7);
}

TEST(Vocabulary, RefusesTokensThatMakeNoSense) {
  EXPECT_THAT(ErrorOf({{"a", -1}}), HasSubstr("has id -1"));
  EXPECT_THAT(ErrorOf({{"a", int64_t{1} << 31}}), HasSubstr("ids are from 0"));
  EXPECT_THAT(ErrorOf({{"b", 0}, {"a", 0}}), HasSubstr("two tokens have id 0"));
  EXPECT_THAT(ErrorOf({{"a", 1}, {"a", 2}}), HasSubstr("'a' appears twice"));
  EXPECT_THAT(ErrorOf({{"", 1}}), HasSubstr("is empty"));
}

}  // namespace
}  // namespace attune
