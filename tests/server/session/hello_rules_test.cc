// SPDX-License-Identifier: Apache-2.0
#include "server/session/hello_rules.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using testing::HasSubstr;

AttemptRecord Attempt(int64_t fence, v1::Attempt::State state, bool slot_held = true) {
  AttemptRecord attempt;
  attempt.job_id = absl::StrCat("j", fence);
  attempt.attempt = 1;
  attempt.fence = fence;
  attempt.state = state;
  attempt.worker_id = "w1";
  attempt.slot_held = slot_held;
  return attempt;
}

v1::Hello Holding(std::vector<std::pair<int64_t, bool>> held) {
  v1::Hello hello;
  hello.set_worker_id("w1");
  hello.set_boot_id("boot-1");
  hello.set_agent_instance("agent-1");
  hello.mutable_inventory()->set_slots(1);
  for (const auto& [fence, running] : held) {
    v1::HeldAttempt& attempt = *hello.add_held();
    attempt.set_job(absl::StrCat("jobs/j", fence));
    attempt.set_attempt(1);
    attempt.set_fence(fence);
    attempt.set_running(running);
  }
  return hello;
}

// "alive 1, dead 2": each list that is not empty, in one line.
std::string Plan(const std::vector<AttemptRecord>& attempts, const v1::Hello& hello,
                 bool other_boot = false) {
  const HelloPlan plan = PlanHello(attempts, hello, other_boot);
  std::string words;
  const auto add = [&words](const char* name, const auto& list, auto fence_of) {
    for (const auto& entry : list) {
      absl::StrAppend(&words, words.empty() ? "" : ", ", name, " ", fence_of(entry));
    }
  };
  const auto of_record = [](const AttemptRecord& a) { return a.fence; };
  add("alive", plan.alive, of_record);
  add("dead", plan.dead, of_record);
  add("free", plan.free_slot, of_record);
  add("stale", plan.stale, [](const v1::HeldAttempt& a) { return a.fence(); });
  return words;
}

TEST(HelloRules, AHeldAttemptLivesOn) {
  for (auto state : {v1::Attempt::GRANTED, v1::Attempt::STARTED, v1::Attempt::STOPPING}) {
    EXPECT_EQ(Plan({Attempt(1, state)}, Holding({{1, true}})), "alive 1");
  }
}

TEST(HelloRules, AnAttemptThatStartedAndIsNotHeldIsDead) {
  for (auto state : {v1::Attempt::STARTED, v1::Attempt::STOPPING}) {
    EXPECT_EQ(Plan({Attempt(1, state)}, Holding({})), "dead 1");
  }
}

TEST(HelloRules, AGrantedAttemptThatIsNotHeldGetsItsLeaseAgain) {
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::GRANTED)}, Holding({})), "");
}

TEST(HelloRules, AnotherBootProvesEverythingDeadThatIsNotHeld) {
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::GRANTED), Attempt(2, v1::Attempt::STARTED),
                  Attempt(3, v1::Attempt::LOST)},
                 Holding({}), true),
            "dead 1, dead 2, dead 3");
}

TEST(HelloRules, AfterABootReportsThatAreLeftStillCount) {
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::STARTED)}, Holding({{1, false}}), true),
            "alive 1, free 1");
}

TEST(HelloRules, ALostAttemptThatStillRunsIsToldToStop) {
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::LOST)}, Holding({{1, true}})), "stale 1");
}

TEST(HelloRules, ALostAttemptThatIsGoneFreesItsSlot) {
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::LOST)}, Holding({})), "dead 1");
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::LOST)}, Holding({{1, false}})), "free 1");
}

TEST(HelloRules, AnUnknownAttemptIsToldToStopUnlessOnlyReportsAreLeft) {
  EXPECT_EQ(Plan({}, Holding({{9, true}})), "stale 9");
  EXPECT_EQ(Plan({}, Holding({{9, false}})), "");
}

TEST(HelloRules, ASlotIsFreedOnce) {
  EXPECT_EQ(Plan({Attempt(1, v1::Attempt::STARTED, false)}, Holding({{1, false}})), "alive 1");
}

TEST(HelloRules, RefusesAHelloThatCannotBe) {
  EXPECT_TRUE(CheckHello(Holding({})).ok());
  v1::Hello hello = Holding({});
  hello.set_worker_id("W 1");
  hello.clear_boot_id();
  hello.mutable_inventory()->set_slots(0);
  const absl::Status status = CheckHello(hello);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"hello.worker_id", "hello.boot_id", "hello.inventory.slots"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

}  // namespace
}  // namespace attune
