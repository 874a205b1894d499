// SPDX-License-Identifier: Apache-2.0
#include "formats/text/name_list.h"

#include "gtest/gtest.h"

namespace attune {
namespace {

TEST(NameList, ListsALimitedNumberOfNames) {
  EXPECT_EQ(NameList({"a", "b"}), "a, b");
  EXPECT_EQ(NameList({"a", "b", "c"}, 2), "a, b and 1 more");
}

}  // namespace
}  // namespace attune
