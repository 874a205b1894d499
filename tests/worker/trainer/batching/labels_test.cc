// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/labels.h"

#include <string>

#include "base/errors.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LabelledExample Row(std::vector<std::string> labels, int64_t line) {
  LabelledExample example;
  example.labels = std::move(labels);
  example.line = line;
  return example;
}

TEST(Labels, OfOneClassEach) {
  const auto labels = Labels::Make("single", {Row({"b"}, 2), Row({"a"}, 3)}, {"a", "b"});
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(labels->size(), 2);
  EXPECT_THAT(labels->classes(0), ElementsAre(1));
  EXPECT_THAT(labels->classes(1), ElementsAre(0));
}

TEST(Labels, OfAnyNumberOfClassesRise) {
  const auto labels =
      Labels::Make("multi", {Row({"c", "a"}, 2), Row({}, 3), Row({"b"}, 4)}, {"a", "b", "c"});
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_THAT(labels->classes(0), ElementsAre(0, 2));
  EXPECT_THAT(labels->classes(1), IsEmpty());
  EXPECT_THAT(labels->classes(2), ElementsAre(1));
}

TEST(Labels, OfNumbersAreValues) {
  LabelledExample row;
  row.target = -2.5;
  const auto labels = Labels::Make("number", {row}, {});
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(labels->value(0), -2.5);
  EXPECT_THAT(labels->classes(0), IsEmpty());
}

TEST(Labels, OfNoKindAreNotRead) {
  const auto labels = Labels::Make("none", {Row({"unheard of"}, 2)}, {"a"});
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(labels->size(), 1);
  EXPECT_THAT(labels->classes(0), IsEmpty());
}

TEST(Labels, AnUnknownClassIsRefusedWithItsLine) {
  const absl::Status status = Labels::Make("multi", {Row({"a", "x"}, 7)}, {"a", "b"}).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_DATASET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 7: the label is 'x'"));
}

}  // namespace
}  // namespace attune
