// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/optimizer/parameter_groups.h"

#include <string>

#include "base/errors.h"
#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PeakRatesOf : public ::testing::Test {
 protected:
  PeakRatesOf() {
    qkv_.parts = {{"bert.encoder.layer.1.attention.self.query.weight", 0, 4},
                  {"bert.encoder.layer.1.attention.self.key.weight", 4, 4}};
    tenth_.parts = {{"bert.encoder.layer.10.output.dense.bias", 0, 4}};
    head_.parts = {{"classifier.weight", 0, 2}};
  }
  absl::StatusOr<PartRates> With(std::vector<ParameterGroupSpec> groups) {
    return PeakRates({.learning_rate = 1, .parameter_groups = std::move(groups)},
                     {&qkv_, &tenth_, &head_});
  }
  Parameter qkv_, tenth_, head_;
};

TEST_F(PeakRatesOf, WithoutGroupsAreTheLearningRate) {
  EXPECT_THAT(*With({}), ElementsAre(ElementsAre(1, 1), ElementsAre(1), ElementsAre(1)));
}

TEST_F(PeakRatesOf, TheLongestPrefixWins) {
  EXPECT_THAT(*With({{"bert.encoder.layer.1.attention.self.key", 4}, {"bert", 2}}),
              ElementsAre(ElementsAre(2, 4), ElementsAre(2), ElementsAre(1)));
}

TEST_F(PeakRatesOf, APrefixFitsWholeComponents) {
  EXPECT_THAT(*With({{"bert.encoder.layer.1", 3}}),
              ElementsAre(ElementsAre(3, 3), ElementsAre(1), ElementsAre(1)));
}

TEST_F(PeakRatesOf, APrefixThatFitsNothingIsRefusedWithTheBeginnings) {
  const absl::Status status = With({{"classifier", 2}, {"roberta", 2}}).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_FIELD");
  EXPECT_THAT(std::string(status.message()), HasSubstr("parameter_groups[1].prefix"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("bert.encoder.layer.1, bert.encoder.layer.10, classifier"));
}

}  // namespace
}  // namespace attune
