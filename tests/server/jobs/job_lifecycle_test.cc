// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_lifecycle.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/events_table.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr char kRequestId[] = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";

std::vector<std::string> StatesOf(const std::vector<v1::JobEvent>& events) {
  std::vector<std::string> states;
  for (const v1::JobEvent& event : events) {
    states.push_back(v1::Job::State_Name(static_cast<v1::Job::State>(event.state().state())));
  }
  return states;
}

// ---- create ----

TEST(JobLifecycle, CreatesAJobThatWaitsForItsChecks) {
  JobWorld world;
  const auto job = world.Create(JobWorld::Request("a"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->name(), "jobs/a");
  EXPECT_EQ(job->state(), v1::Job::VALIDATING);
  EXPECT_EQ(job->spec().fine_tune().hyperparameters().epochs(), 3);
  EXPECT_EQ(job->uid().size(), 36U);
  EXPECT_THAT(StatesOf(world.Events("a")), ElementsAre("VALIDATING"));
}

TEST(JobLifecycle, MakesAnIdFromThePrefixOrTheDatasetsName) {
  JobWorld world;
  EXPECT_THAT(world.Create(JobWorld::Request())->name(), StartsWith("jobs/reviews-"));
  v1::CreateJobRequest request = JobWorld::Request();
  request.set_job_id_prefix("movie");
  EXPECT_THAT(world.Create(request)->name(), StartsWith("jobs/movie-"));
}

TEST(JobLifecycle, ARequestThatDoesNotFitItsInputsIsRefusedWithTheField) {
  JobWorld world;
  v1::CreateJobRequest request = JobWorld::Request();
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->mutable_evaluation()->set_best_metric(
      "rmse");
  const auto job = world.Create(request);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(job.status().message()),
              HasSubstr("job.spec.fine_tune.evaluation.best_metric"));
  EXPECT_EQ(world.Create(JobWorld::EvaluateRequest("e", "base")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(JobLifecycle, EvaluationsAndPredictionsAreNamedAfterTheirDataset) {
  JobWorld world;
  world.AddClassifier("tuned");
  for (const auto& request :
       {JobWorld::EvaluateRequest("", "tuned"), JobWorld::PredictRequest("", "tuned")}) {
    const auto job = world.Create(request);
    ASSERT_TRUE(job.ok()) << job.status();
    EXPECT_THAT(job->name(), StartsWith("jobs/held-out-"));
    EXPECT_EQ(job->state(), v1::Job::VALIDATING);
  }
}

TEST(JobLifecycle, AModelThatTurnsOutToHaveNoClassifierFailsTheJob) {
  JobWorld world;
  world.AddModel("new", v1::Model::CHECKING);
  ASSERT_TRUE(world.Create(JobWorld::PredictRequest("a", "new")).ok());
  EXPECT_EQ(world.State("a"), "VALIDATING(WAITING_FOR_DATASET)");
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) -> absl::Status {
                    ATTUNE_ASSIGN_OR_RETURN(v1::Model model, GetModel(transaction, "new"));
                    model.set_state(v1::Model::READY);
                    ATTUNE_RETURN_IF_ERROR(PutModel(transaction, model));
                    return world.lifecycle().ApplyCheck(transaction, world.Job("a").check_key,
                                                        {true, "{}", ""});
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "FAILED");
  EXPECT_EQ(world.Job("a").job.failure().reason(), v1::INVALID_MODEL);
  EXPECT_THAT(world.Job("a").job.failure().message(), HasSubstr("models/new has no classifier"));
}

TEST(JobLifecycle, TheSpecIsCompletedOnceItsBaseIsChecked) {
  JobWorld world;
  world.AddModel("new", v1::Model::CHECKING);
  v1::CreateJobRequest request = JobWorld::Request("a");
  v1::FineTune& tune = *request.mutable_job()->mutable_spec()->mutable_fine_tune();
  tune.set_base_model("models/new");
  tune.mutable_lora();
  ASSERT_TRUE(world.Create(request).ok());
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) -> absl::Status {
                    ATTUNE_ASSIGN_OR_RETURN(v1::Model model, GetModel(transaction, "new"));
                    model.set_state(v1::Model::READY);
                    model.set_model_type("distilbert");
                    ATTUNE_RETURN_IF_ERROR(PutModel(transaction, model));
                    return world.lifecycle().ApplyCheck(transaction, world.Job("a").check_key,
                                                        {true, "{}", ""});
                  })
                  .ok());
  EXPECT_THAT(world.Job("a").job.spec().fine_tune().lora().target_modules(),
              ElementsAre("q_lin", "v_lin"));
}

TEST(JobLifecycle, TheSameRequestMakesOneJob) {
  JobWorld world;
  v1::CreateJobRequest request = JobWorld::Request();
  request.set_request_id(kRequestId);
  const v1::Job first = *world.Create(request);
  ASSERT_TRUE(world.Cancel(first.name().substr(5)).ok());
  const v1::Job again = *world.Create(request);
  EXPECT_EQ(again.name(), first.name());
  EXPECT_EQ(again.state(), v1::Job::CANCELLED);  // as it is now
}

TEST(JobLifecycle, ARequestIdIsGoodForOneBodyOnly) {
  JobWorld world;
  v1::CreateJobRequest request = JobWorld::Request();
  request.set_request_id(kRequestId);
  ASSERT_TRUE(world.Create(request).ok());
  request.mutable_job()->set_priority(1);
  const auto other = world.Create(request);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(other.status()), "REQUEST_ID_REUSED");
}

TEST(JobLifecycle, AnIdIsTakenOnce) {
  JobWorld world;
  ASSERT_TRUE(world.Create(JobWorld::Request("a")).ok());
  const auto second = world.Create(JobWorld::Request("a"));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(second.status()), "RESOURCE_EXISTS");
}

TEST(JobLifecycle, RefusesInputsThatAreNotThere) {
  JobWorld world;
  v1::CreateJobRequest request = JobWorld::Request();
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_test_dataset("datasets/none");
  const auto job = world.Create(request);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(job.status()), "RESOURCE_NOT_FOUND");
  EXPECT_THAT(std::string(job.status().message()), HasSubstr("datasets/none"));
}

TEST(JobLifecycle, RefusesAnInvalidDatasetWithItsFirstError) {
  JobWorld world;
  world.AddDataset("broken", v1::Dataset::INVALID);
  v1::CreateJobRequest request = JobWorld::Request();
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_train_dataset("datasets/broken");
  const auto job = world.Create(request);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(job.status()), "INPUT_NOT_READY");
  EXPECT_THAT(std::string(job.status().message()),
              HasSubstr("datasets/broken is INVALID: line 7: broken UTF-8; "));
}

TEST(JobLifecycle, WaitsForADatasetThatIsStillChecked) {
  JobWorld world;
  world.AddDataset("new", v1::Dataset::CHECKING);
  v1::CreateJobRequest request = JobWorld::Request("a");
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->set_train_dataset("datasets/new");
  ASSERT_TRUE(world.Create(request).ok());
  EXPECT_EQ(world.State("a"), "VALIDATING(WAITING_FOR_DATASET)");
}

TEST(JobLifecycle, ValidateWritesNothing) {
  JobWorld world;
  absl::StatusOr<JobLifecycle::Preview> preview;
  ASSERT_TRUE(world.store()
                  .Read([&](Snapshot& snapshot) {
                    preview = world.lifecycle().Validate(snapshot, JobWorld::Request("a"));
                    return preview.status();
                  })
                  .ok());
  EXPECT_EQ(preview->job.name(), "jobs/a");
  EXPECT_FALSE(preview->check_key.empty());
  EXPECT_EQ(world.Cancel("a").status().code(), absl::StatusCode::kNotFound);
}

TEST(JobLifecycle, TenThousandJobsAreListedByPagesNoneTwice) {
  JobWorld world;
  constexpr int kJobs = 10000;
  for (int i = 0; i < kJobs; i += 500) {
    ASSERT_TRUE(world
                    .Write([&](Transaction& transaction) -> absl::Status {
                      for (int j = 0; j < 500; ++j) {
                        ATTUNE_RETURN_IF_ERROR(
                            world.lifecycle().Create(transaction, JobWorld::Request()).status());
                      }
                      return absl::OkStatus();
                    })
                    .ok());
  }
  std::set<std::string> seen;
  JobListQuery query;
  query.limit = 1000;
  for (size_t got = 1000; got == 1000;) {
    ASSERT_TRUE(world.store()
                    .Read([&](Snapshot& snapshot) -> absl::Status {
                      ATTUNE_ASSIGN_OR_RETURN(const auto page, ListJobs(snapshot, query));
                      for (const JobRecord& record : page)
                        EXPECT_TRUE(seen.insert(record.id()).second);
                      got = page.size();
                      if (got > 0) query.after_number = page.back().number;
                      return absl::OkStatus();
                    })
                    .ok());
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kJobs));
}

// ---- checks ----

TEST(JobLifecycle, ACheckQueuesEveryJobOfItsKey) {
  JobWorld world;
  ASSERT_TRUE(world.Create(JobWorld::Request("a")).ok());
  ASSERT_TRUE(world.Create(JobWorld::Request("b")).ok());
  v1::CreateJobRequest other = JobWorld::Request("c");
  other.mutable_job()->mutable_spec()->mutable_fine_tune()->set_eval_fraction(0.1);
  ASSERT_TRUE(world.Create(other).ok());
  ASSERT_EQ(world.Job("a").check_key, world.Job("b").check_key);
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.lifecycle().ApplyCheck(transaction, world.Job("a").check_key,
                                                        {true, "{}", ""});
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "QUEUED(WAITING_FOR_WORKER)");
  EXPECT_EQ(world.State("b"), "QUEUED(WAITING_FOR_WORKER)");
  EXPECT_EQ(world.State("c"), "VALIDATING");
}

TEST(JobLifecycle, ACachedCheckQueuesAtOnce) {
  JobWorld world;
  world.Submit("a");
  ASSERT_TRUE(world.Create(JobWorld::Request("b")).ok());
  EXPECT_EQ(world.State("b"), "QUEUED(WAITING_FOR_WORKER)");
  EXPECT_THAT(StatesOf(world.Events("b")), ElementsAre("VALIDATING", "QUEUED"));
}

TEST(JobLifecycle, TheEstimateOfTheCheckStaysWithTheJobAndItsCache) {
  JobWorld world;
  CheckRecord check = {true, "{}", ""};
  check.estimated_memory_bytes = 3 << 20;
  EXPECT_EQ(world.Submit(JobWorld::Request("a"), check).job.memory().estimated_bytes(), 3 << 20);
  ASSERT_TRUE(world.Create(JobWorld::Request("b")).ok());  // from the cache
  EXPECT_EQ(world.Job("b").job.memory().estimated_bytes(), 3 << 20);
}

TEST(JobLifecycle, ABadCheckFailsTheJobWithItsWords) {
  JobWorld world;
  ASSERT_TRUE(world.Create(JobWorld::Request("a")).ok());
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.lifecycle().ApplyCheck(transaction, world.Job("a").check_key,
                                                        {false, "{}", "one class only"});
                  })
                  .ok());
  const v1::Job job = world.Job("a").job;
  EXPECT_EQ(job.state(), v1::Job::FAILED);
  EXPECT_EQ(job.failure().reason(), v1::INVALID_DATASET);
  EXPECT_EQ(job.failure().message(), "one class only");
  EXPECT_TRUE(job.has_end_time());
}

TEST(JobLifecycle, AnInspectorWithoutAReportSaysNothingOfTheData) {
  JobWorld world;
  ASSERT_TRUE(world.Create(JobWorld::Request("a")).ok());
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.lifecycle().ApplyCheck(
                        transaction, world.Job("a").check_key,
                        {false, "", "the inspector was killed twice"});
                  })
                  .ok());
  EXPECT_EQ(world.Job("a").job.failure().reason(), v1::INSPECTION_FAILED);
  ASSERT_TRUE(world.Create(JobWorld::Request("b")).ok());
  EXPECT_EQ(world.State("b"), "VALIDATING");  // not cached
}

TEST(JobLifecycle, ACheckThatEndsWhilePausedCountsOnResume) {
  JobWorld world;
  ASSERT_TRUE(world.Create(JobWorld::Request("a")).ok());
  ASSERT_TRUE(world.Pause("a").ok());
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.lifecycle().ApplyCheck(transaction, world.Job("a").check_key,
                                                        {true, "{}", ""});
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "PAUSED");
  EXPECT_EQ(world.Resume("a")->state(), v1::Job::QUEUED);
  EXPECT_THAT(StatesOf(world.Events("a")),
              ElementsAre("VALIDATING", "PAUSED", "VALIDATING", "QUEUED"));
}

TEST(JobLifecycle, ResumeGoesBackToOpenChecks) {
  JobWorld world;
  ASSERT_TRUE(world.Create(JobWorld::Request("a")).ok());
  ASSERT_TRUE(world.Pause("a").ok());
  EXPECT_EQ(world.Resume("a")->state(), v1::Job::VALIDATING);
}

// ---- cancel, pause, resume ----

TEST(JobLifecycle, CancelOfAWaitingJobEndsInTheCall) {
  JobWorld world;
  world.AddWorker("w1");
  ASSERT_TRUE(world.Create(JobWorld::Request("validating")).ok());
  EXPECT_EQ(world.Cancel("validating")->state(), v1::Job::CANCELLED);
  world.Submit("queued");
  EXPECT_EQ(world.Cancel("queued")->state(), v1::Job::CANCELLED);
  world.Submit("paused");
  ASSERT_TRUE(world.Pause("paused").ok());
  EXPECT_EQ(world.Cancel("paused")->state(), v1::Job::CANCELLED);
  EXPECT_EQ(world.Cancel("paused")->state(), v1::Job::CANCELLED);  // again
}

TEST(JobLifecycle, CancelOfARunningJobTellsItsWorker) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  EXPECT_EQ(world.Cancel("a")->state(), v1::Job::CANCELLING);
  const AttemptRecord attempt = world.Attempt("a");
  EXPECT_GT(attempt.directive_id, 0);
  EXPECT_EQ(attempt.stop_cause, v1::STOP_CAUSE_CANCEL);
  EXPECT_FALSE(attempt.directive_answered);
  EXPECT_EQ(world.Pause("a").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(JobLifecycle, CancelAfterPauseIsANewOrder) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  EXPECT_EQ(world.Pause("a")->state(), v1::Job::PAUSING);
  const int64_t pause = world.Attempt("a").directive_id;
  EXPECT_EQ(world.Cancel("a")->state(), v1::Job::CANCELLING);
  EXPECT_GT(world.Attempt("a").directive_id, pause);
  EXPECT_EQ(world.Attempt("a").stop_cause, v1::STOP_CAUSE_CANCEL);
}

TEST(JobLifecycle, CancelOfALapsedJobEndsInTheCallAndItsAttemptCountsNoMore) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(world.Lapse("a").ok());
  EXPECT_EQ(world.State("a"), "RUNNING(WORKER_SILENT)");
  EXPECT_EQ(world.Cancel("a")->state(), v1::Job::CANCELLED);
  EXPECT_EQ(world.Job("a").fence, 0);
  EXPECT_EQ(world.Attempt("a").state, v1::Attempt::LOST);
  EXPECT_TRUE(world.Attempt("a").slot_held);  // nobody has proved it dead
}

TEST(JobLifecycle, FinalJobsCannotBeMovedAndSayWhy) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(world.Fail("a", v1::Failed::USER).ok());
  for (const absl::Status& status :
       {world.Cancel("a").status(), world.Pause("a").status(), world.Resume("a").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status), "WRONG_STATE");
    EXPECT_THAT(std::string(status.message()), HasSubstr("jobs/a is FAILED"));
  }
}

TEST(JobLifecycle, AnUnknownJobIsNotFound) {
  JobWorld world;
  EXPECT_EQ(ReasonOf(world.Cancel("none").status()), "RESOURCE_NOT_FOUND");
}

TEST(JobLifecycle, EventsAreDenseAndTheLastOneIsFinal) {
  JobWorld world;
  world.AddWorker("w1");
  world.Submit("a");
  world.Grant("a");
  ASSERT_TRUE(world.Pause("a").ok());
  ASSERT_TRUE(world.ProveDead("a").ok());
  ASSERT_TRUE(world.Resume("a").ok());
  ASSERT_TRUE(world.Cancel("a").ok());
  const auto events = world.Events("a");
  EXPECT_THAT(StatesOf(events), ElementsAre("VALIDATING", "QUEUED", "RUNNING", "PAUSING", "PAUSED",
                                            "QUEUED", "CANCELLED"));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].sequence(), static_cast<int64_t>(i) + 1);
  }
}

TEST(JobLifecycle, WhatCannotHappenIsCountedAndChangesNothing) {
  JobWorld world;
  world.Submit("a");
  JobRecord record = world.Job("a");
  EventDetail detail;
  ASSERT_TRUE(world
                  .Write([&](Transaction& transaction) {
                    return world.lifecycle().Apply(transaction, record, JobEventKind::kLapse,
                                                   detail);
                  })
                  .ok());
  EXPECT_EQ(world.State("a"), "QUEUED(WAITING_FOR_WORKER)");
  EXPECT_EQ(world.counters().Take().impossible.size(), 1U);
}

TEST(JobLifecycle, CountsCreatedAndFinishedJobs) {
  JobWorld world;
  world.Submit("a");
  ASSERT_TRUE(world.Cancel("a").ok());
  const JobCounters::Snapshot counts = world.counters().Take();
  EXPECT_EQ(counts.created.at("text_classification"), 1);
  EXPECT_EQ(counts.finished.at({"text_classification", "cancelled", ""}), 1);
}

}  // namespace
}  // namespace attune
