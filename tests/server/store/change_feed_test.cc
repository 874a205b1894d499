// SPDX-License-Identifier: Apache-2.0
#include "server/store/change_feed.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChangeFeedTest : public testing::Test {
 protected:
  ChangeFeed::Callback Note(const std::string& who) {
    return [this, who](const Topic& topic) { calls_.push_back(who + " " + topic.key); };
  }
  ChangeFeed feed_;
  std::vector<std::string> calls_;
};

TEST_F(ChangeFeedTest, CallsWhoSubscribedToTheTopicOrItsKind) {
  auto one = feed_.Subscribe({TopicKind::kJob, "a"}, Note("one"));
  auto kind = feed_.SubscribeAll(TopicKind::kJob, Note("kind"));
  auto other = feed_.SubscribeAll(TopicKind::kWorker, Note("other"));
  feed_.Publish({{TopicKind::kJob, "a"}, {TopicKind::kJob, "b"}});
  EXPECT_THAT(calls_, ElementsAre("one a", "kind a", "kind b"));
}

TEST_F(ChangeFeedTest, CallsNobodyAfterTheSubscriptionEnded) {
  auto one = feed_.Subscribe({TopicKind::kJob, "a"}, Note("one"));
  auto kind = feed_.SubscribeAll(TopicKind::kJob, Note("kind"));
  one.reset();
  kind.reset();
  feed_.Publish({{TopicKind::kJob, "a"}});
  EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(ChangeFeedTest, ACallbackMaySubscribe) {
  std::unique_ptr<ChangeFeed::Subscription> inner;
  auto outer = feed_.Subscribe({TopicKind::kJob, "a"}, [&](const Topic&) {
    if (inner == nullptr) inner = feed_.Subscribe({TopicKind::kJob, "a"}, Note("inner"));
  });
  feed_.Publish({{TopicKind::kJob, "a"}});
  EXPECT_THAT(calls_, IsEmpty());
  feed_.Publish({{TopicKind::kJob, "a"}});
  EXPECT_THAT(calls_, ElementsAre("inner a"));
}

}  // namespace
}  // namespace attune
