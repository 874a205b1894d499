// SPDX-License-Identifier: Apache-2.0
// The checker sees what it is there to see: each test breaks one thing in a history without fault.
#include "tests/simulation/history_checker.h"

#include "base/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using v1::Job;

constexpr char kJob[] = "jobs/a";
constexpr char kRequest[] = "request";

// One job of four steps: its first attempt is lost after a checkpoint at step 2, its second one
// succeeds.
class HistoryCheckerTest : public ::testing::Test {
 protected:
  HistoryCheckerTest() {
    plan_.request_id = kRequest;
    plan_.seed = 5;
    plan_.steps = 4;
    history_.submits[kRequest] = {plan_, {kJob}};
    history_.applied = {{kJob, 1, 11, 0, 4}, {kJob, 2, 12, 0, 5}};
    history_.trainer_starts = {{"w1", kJob, 1, 11, 0, 1, 1}, {"w2", kJob, 2, 12, 2, 1, 1}};
    history_.looks = {{"c0", kJob, 1, 3}};
    state_.settled = true;
    FillRow();
    FillLog();
    FillTraining();
    history_.watched[kJob] = job().events;
  }

  FinalState::Job& job() { return state_.jobs[kJob]; }
  std::vector<std::string> Check() { return CheckHistory(history_, state_); }

  void AddEvent(int64_t attempt, v1::JobEvent event) {
    event.set_sequence(static_cast<int64_t>(job().events.size()) + 1);
    event.set_attempt(attempt);
    event.mutable_event_time()->set_seconds(100 * event.sequence());
    job().events.push_back(std::move(event));
  }
  void AddState(int64_t attempt, Job::State state, Job::StateReason reason = {}) {
    v1::JobEvent event;
    event.mutable_state()->set_state(state);
    event.mutable_state()->set_reason(reason);
    if (state == Job::SUCCEEDED) event.mutable_state()->set_output_model("models/a");
    AddEvent(attempt, std::move(event));
  }
  void AddCheckpoint(int64_t attempt, int64_t step) {
    v1::JobEvent event;
    event.mutable_checkpoint()->set_step(step);
    AddEvent(attempt, std::move(event));
  }

  JobPlan plan_;
  History history_;
  FinalState state_;

 private:
  void FillRow() {
    job().record.job.set_name(kJob);
    job().record.job.set_state(Job::SUCCEEDED);
    job().record.job.set_output_model("models/a");
    job().record.job.set_committed_step(2);
    job().record.job.mutable_spec()->mutable_retry()->set_max_infra_retries(20);
    job().record.request_id = kRequest;
    job().record.attempt = 2;
    AttemptRecord first{.job_id = "a", .attempt = 1, .fence = 11, .state = v1::Attempt::LOST};
    first.next_index = 4;
    AttemptRecord second{.job_id = "a", .attempt = 2, .fence = 12, .state = v1::Attempt::SUCCEEDED};
    second.start_step = 2;
    second.next_index = 5;
    job().attempts = {first, second};
  }
  void FillLog() {
    AddState(0, Job::VALIDATING);
    AddState(0, Job::QUEUED, Job::WAITING_FOR_WORKER);
    AddState(1, Job::RUNNING, Job::STARTING);
    AddState(1, Job::RUNNING, Job::TRAINING);
    AddCheckpoint(1, 2);
    AddState(1, Job::QUEUED, Job::BACKOFF);
    AddState(2, Job::RUNNING, Job::STARTING);
    AddState(2, Job::SUCCEEDED);
  }
  void FillTraining() {
    for (int64_t step = 1; step <= plan_.steps; ++step) {
      v1::StepMetrics& row = job().metrics.emplace_back();
      row.set_step(step);
      row.set_loss(LossOf(TrainingStateAt(plan_.seed, step)));
    }
    v1::Model& model = state_.models["models/a"];
    model.set_source_job(kJob);
    model.add_files()->set_sha256(
        Sha256::Hex(ModelBytes(TrainingStateAt(plan_.seed, plan_.steps))));
    state_.sound_blobs.insert(model.files(0).sha256());
  }
};

TEST_F(HistoryCheckerTest, FindsNothingInAGoodRun) { EXPECT_THAT(Check(), IsEmpty()); }

TEST_F(HistoryCheckerTest, SeesAFallBackToACheckpointThatNeverWas) {
  v1::JobEvent event;
  event.mutable_checkpoint_damage()->set_step(2);
  event.mutable_checkpoint_damage()->set_fallback_step(1);
  job().events.pop_back();
  AddEvent(2, std::move(event));
  AddState(2, Job::SUCCEEDED);
  EXPECT_THAT(Check(), Contains(StartsWith("I8 ")));
}

TEST_F(HistoryCheckerTest, SeesALostSubmit) {
  state_.jobs.clear();
  EXPECT_THAT(Check(), Contains(StartsWith("I1 ")));
}

TEST_F(HistoryCheckerTest, SeesAJobThatNobodyAskedFor) {
  job().record.request_id = "another";
  EXPECT_THAT(Check(), Contains(StartsWith("I1 ")));
}

TEST_F(HistoryCheckerTest, SeesTwoJobsOfOneRequest) {
  state_.jobs["jobs/b"] = job();
  EXPECT_THAT(Check(), Contains(StartsWith("I2 ")));
}

TEST_F(HistoryCheckerTest, SeesAFenceThatFalls) {
  job().attempts[1].fence = 10;
  EXPECT_THAT(Check(), Contains(StartsWith("I3 ")));
}

TEST_F(HistoryCheckerTest, SeesATrainerWithAFenceThatWasForgotten) {
  history_.trainer_starts.push_back({"w1", kJob, 3, 13, 2, 1, 1});
  EXPECT_THAT(Check(), Contains(StartsWith("I3 ")));
}

TEST_F(HistoryCheckerTest, SeesAnEffectWhileNobodyHoldsTheJob) {
  job().events[5].mutable_state()->set_state(Job::PAUSED);
  job().events[6] = job().events[4];
  EXPECT_THAT(Check(), Contains(StartsWith("I4 ")));
}

TEST_F(HistoryCheckerTest, SeesReportsOfAnOldFenceAfterThoseOfANewOne) {
  history_.applied.push_back({kJob, 1, 11, 4, 5});
  EXPECT_THAT(Check(), Contains(StartsWith("I12 ")));
}

TEST_F(HistoryCheckerTest, SeesAnAcknowledgedReportThatWasLost) {
  job().attempts[1].next_index = 4;
  EXPECT_THAT(Check(), Contains(StartsWith("I1 ")));
}

TEST_F(HistoryCheckerTest, SeesASecondFinalEvent) {
  AddState(2, Job::SUCCEEDED);
  EXPECT_THAT(Check(), Contains(StartsWith("I5 ")));
}

TEST_F(HistoryCheckerTest, SeesATransitionThatIsNotInTheTable) {
  job().events[5].mutable_state()->set_state(Job::VALIDATING);
  EXPECT_THAT(Check(), Contains(StartsWith("I6 ")));
}

TEST_F(HistoryCheckerTest, SeesAnAttemptReplacedThatWasNotSilent) {
  job().events.erase(job().events.begin() + 5);
  EXPECT_THAT(Check(), Contains(StartsWith("I6 ")));
}

TEST_F(HistoryCheckerTest, SeesSuccessAfterAnAcknowledgedCancel) {
  history_.cancelled.insert(kJob);
  EXPECT_THAT(Check(), Contains(StartsWith("I7 ")));
}

TEST_F(HistoryCheckerTest, SeesACommittedStepThatFalls) {
  AddCheckpoint(2, 1);
  EXPECT_THAT(Check(), Contains(StartsWith("I8 ")));
}

TEST_F(HistoryCheckerTest, SeesAnAttemptThatStartsBehindTheCheckpoint) {
  job().attempts[1].start_step = 0;
  EXPECT_THAT(Check(), Contains(StartsWith("I8 ")));
}

TEST_F(HistoryCheckerTest, SeesAStepThatCameOutDifferently) {
  job().metrics[2].set_loss(job().metrics[2].loss() + 0x1p-52);
  EXPECT_THAT(Check(), Contains(StartsWith("I10 ")));
}

TEST_F(HistoryCheckerTest, SeesAMissingStep) {
  job().metrics.erase(job().metrics.begin() + 1);
  EXPECT_THAT(Check(), Contains(StartsWith("I10 ")));
}

TEST_F(HistoryCheckerTest, SeesACheckpointThatDoesNotVerify) {
  CheckpointRecord row;
  row.checkpoint.add_files()->set_sha256("nowhere");
  job().checkpoints.push_back(row);
  EXPECT_THAT(Check(), Contains(StartsWith("I11 ")));
}

TEST_F(HistoryCheckerTest, SeesTwoTrainersInOneSlot) {
  history_.trainer_starts[1].alive = 2;
  EXPECT_THAT(Check(), Contains(StartsWith("I13 ")));
}

TEST_F(HistoryCheckerTest, SeesABackoffThatWasCutShort) {
  job().events[6].mutable_event_time()->set_seconds(job().events[5].event_time().seconds() + 3);
  EXPECT_THAT(Check(), Contains(StartsWith("I14 ")));
}

TEST_F(HistoryCheckerTest, SeesAGapAndAnotherEventInAWatch) {
  history_.watched[kJob].erase(history_.watched[kJob].begin() + 2);
  EXPECT_THAT(Check(), Contains(StartsWith("I15 ")));
  history_.watched[kJob] = job().events;
  history_.watched[kJob][2].set_attempt(7);
  EXPECT_THAT(Check(), Contains(StartsWith("I15 ")));
}

TEST_F(HistoryCheckerTest, SeesALeaseThatNeverEnds) {
  job().attempts[0].state = v1::Attempt::STARTED;
  EXPECT_THAT(Check(), Contains(StartsWith("I19 ")));
}

TEST_F(HistoryCheckerTest, SeesAModelOfAnotherTraining) {
  state_.models["models/a"].mutable_files(0)->set_sha256("another");
  EXPECT_THAT(Check(), Contains(StartsWith("I20 ")));
}

TEST_F(HistoryCheckerTest, SeesAClientThatDoesNotSeeItsOwnWrite) {
  history_.looks.push_back({"c0", kJob, 4, 3});
  EXPECT_THAT(Check(), Contains(StartsWith("I21 ")));
}

}  // namespace
}  // namespace attune
