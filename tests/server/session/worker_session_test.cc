// SPDX-License-Identifier: Apache-2.0
#include "server/session/worker_session.h"

#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Fences, and whether a trainer runs under each.
using Attempts = std::vector<std::pair<int64_t, bool>>;

template <typename Message>
Message Holding(const Attempts& attempts) {
  Message message;
  for (const auto& [fence, running] : attempts) {
    v1::HeldAttempt& held = *message.add_held();
    held.set_fence(fence);
    held.set_running(running);
  }
  return message;
}

class WorkerSessionTest : public testing::Test {
 protected:
  std::vector<int64_t> GoneAfter(const Attempts& attempts) {
    return session_.TakeGone(Holding<v1::Heartbeat>(attempts));
  }
  WorkerSession session_{[](const v1::SchedulerMessage&) {}, [](const absl::Status&) {}};
};

TEST_F(WorkerSessionTest, WhatRanAtTheHelloAndIsNotNamedAnyMoreIsGoneOnce) {
  session_.Greet(Holding<v1::Hello>({{1, true}, {2, true}, {3, false}}));
  EXPECT_THAT(GoneAfter({{2, true}}), ElementsAre(1));
  EXPECT_THAT(GoneAfter({{2, true}}), IsEmpty());
}

TEST_F(WorkerSessionTest, AnAttemptWhoseReportsStillComeIsGoneAllTheSame) {
  session_.Greet(Holding<v1::Hello>({{1, true}}));
  EXPECT_THAT(GoneAfter({{1, false}}), ElementsAre(1));
  EXPECT_THAT(GoneAfter({}), IsEmpty());
}

TEST_F(WorkerSessionTest, WhatBeganSinceTheHelloIsSeenGoneToo) {
  session_.Greet(v1::Hello());
  EXPECT_THAT(GoneAfter({{7, true}}), IsEmpty());
  EXPECT_THAT(GoneAfter({}), ElementsAre(7));
}

TEST_F(WorkerSessionTest, WhatCouldNotBeWrittenDownIsToldAgain) {
  session_.Greet(Holding<v1::Hello>({{1, true}, {2, true}}));
  session_.KeepRunning(GoneAfter({{2, true}}));
  EXPECT_THAT(GoneAfter({{2, true}}), ElementsAre(1));
}

}  // namespace
}  // namespace attune
