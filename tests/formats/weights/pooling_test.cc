// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/pooling.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

constexpr BasePooling kMeanClassifier = {"mean", true, Pooling::kMean};

Pooling Chosen(std::string_view wanted, std::string_view method, const BasePooling& base) {
  return ChoosePooling(wanted, method, base).pooling;
}

TEST(Pooling, HasANameEach) {
  for (const Pooling pooling : {Pooling::kFirstToken, Pooling::kMean}) {
    EXPECT_TRUE(IsPooling(PoolingName(pooling)));
    EXPECT_EQ(PoolingNamed(PoolingName(pooling)), pooling);
  }
  EXPECT_FALSE(IsPooling("") || IsPooling("max"));
}

TEST(ChoosePooling, TakesTheMeanOfAFrozenBaseThatWasTrainedOnIt) {
  EXPECT_EQ(Chosen("", "head", {"mean"}), Pooling::kMean);
  for (const char* method : {"full", "lora", "partial"}) {
    EXPECT_EQ(Chosen("", method, {"mean"}), Pooling::kFirstToken) << method;
  }
  EXPECT_EQ(Chosen("", "head", {"cls"}), Pooling::kFirstToken);
  EXPECT_EQ(Chosen("", "head", {""}), Pooling::kFirstToken);
}

TEST(ChoosePooling, LeavesAClassifierWhereItSits) {
  for (const char* method : {"full", "lora", "partial", "head"}) {
    EXPECT_EQ(Chosen("", method, kMeanClassifier), Pooling::kMean) << method;
    EXPECT_EQ(Chosen("", method, {"mean", true, Pooling::kFirstToken}), Pooling::kFirstToken);
  }
}

TEST(ChoosePooling, DoesWhatTheJobSaysBeforeAllElse) {
  EXPECT_EQ(Chosen("first_token", "head", {"mean"}), Pooling::kFirstToken);
  EXPECT_EQ(Chosen("first_token", "full", kMeanClassifier), Pooling::kFirstToken);
  EXPECT_EQ(Chosen("mean", "full", {"max"}), Pooling::kMean);
  EXPECT_THAT(ChoosePooling("mean", "full", {""}).notice, HasSubstr("as the job says"));
}

TEST(ChoosePooling, TellsWhatTheBaseHasToDoWithIt) {
  EXPECT_EQ(ChoosePooling("", "full", {""}).notice, "");
  const PoolingChoice mean = ChoosePooling("", "head", {"mean"});
  EXPECT_EQ(mean.notice, "The head sits on the mean of all tokens, as the base's 1_Pooling says.");
  EXPECT_FALSE(mean.warns);
  EXPECT_THAT(ChoosePooling("", "full", {"mean"}).notice, HasSubstr("POOLING_MEAN"));
}

TEST(ChoosePooling, WarnsOfAPoolingThatNoHeadSitsOn) {
  const PoolingChoice choice = ChoosePooling("", "head", {"mean+max"});
  EXPECT_EQ(choice.pooling, Pooling::kFirstToken);
  EXPECT_TRUE(choice.warns);
  EXPECT_THAT(choice.notice, HasSubstr("'mean+max'"));
}

TEST(ChoosePooling, SaysThatAnAdapterIsOnlyMerged) {
  EXPECT_THAT(ChoosePooling("mean", "lora", {""}).notice, HasSubstr("PEFT"));
  EXPECT_EQ(ChoosePooling("first_token", "lora", {""}).notice.find("PEFT"), std::string::npos);
}

}  // namespace
}  // namespace attune
