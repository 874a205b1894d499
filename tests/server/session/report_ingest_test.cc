// SPDX-License-Identifier: Apache-2.0
#include "server/session/report_ingest.h"

#include <cmath>
#include <string>
#include <utility>
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

using Reports = std::vector<v1::AttemptReport>;

v1::AttemptReport Started(int64_t start_step = 0, int64_t total_steps = 100) {
  v1::AttemptReport report;
  report.mutable_started()->set_start_step(start_step);
  report.mutable_started()->set_total_steps(total_steps);
  report.mutable_started()->set_exact(true);
  return report;
}
v1::AttemptReport Metrics(int64_t step, double loss = 0.5) {
  v1::AttemptReport report;
  report.mutable_metrics()->set_step(step);
  report.mutable_metrics()->set_loss(loss);
  report.mutable_metrics()->set_samples(step * 8);
  (*report.mutable_metrics()->mutable_stage_seconds())["forward"] = static_cast<double>(step);
  return report;
}
v1::AttemptReport Evaluation(v1::Evaluation::Split split, double accuracy) {
  v1::AttemptReport report;
  report.mutable_evaluation()->set_split(split);
  report.mutable_evaluation()->set_best(true);
  (*report.mutable_evaluation()->mutable_metrics())["accuracy"] = accuracy;
  return report;
}
v1::AttemptReport Checkpoint(int64_t step, const v1::FileRef& file) {
  v1::AttemptReport report;
  report.mutable_checkpoint()->set_step(step);
  *report.mutable_checkpoint()->add_files() = file;
  return report;
}
v1::AttemptReport Succeeded(const v1::FileRef& file) {
  v1::AttemptReport report;
  report.mutable_succeeded()->set_step(100);
  *report.mutable_succeeded()->add_files() = file;
  return report;
}
v1::AttemptReport Failed(v1::Failed::FailureClass failure_class) {
  v1::AttemptReport report;
  report.mutable_failed()->set_failure_class(failure_class);
  report.mutable_failed()->set_message("signal 9");
  return report;
}
v1::AttemptReport DamagedCheckpoint() {
  v1::AttemptReport report = Failed(v1::Failed::INFRA);
  report.mutable_failed()->set_reason(v1::CHECKPOINT_DAMAGED);
  report.mutable_failed()->set_message("manifest.json cannot be read back");
  return report;
}
v1::AttemptReport Stopped(v1::StopCause cause) {
  v1::AttemptReport report;
  report.mutable_stopped()->set_cause(cause);
  report.mutable_stopped()->set_step(40);
  return report;
}
v1::AttemptReport Phase(v1::Job::StateReason reason) {
  v1::AttemptReport report;
  report.mutable_phase()->set_reason(reason);
  return report;
}
v1::AttemptReport Log(int64_t offset, const std::string& data) {
  v1::AttemptReport report;
  report.mutable_log()->set_offset(offset);
  report.mutable_log()->set_data(data);
  return report;
}

class ReportIngestTest : public testing::Test {
 protected:
  ReportIngestTest() {
    world_.AddWorker("w1", 4);
    world_.AddWorker("w2", 4);
  }

  // "a", granted to w1; its reports begin anew.
  void Begin(const std::string& id = "a", const std::string& worker = "w1") {
    if (next_.find(id) == next_.end()) world_.Submit(id);
    ASSERT_GT(world_.Grant(id, worker), 0);
    next_[id] = 0;
  }

  v1::ReportAttemptRequest Request(const Reports& reports, int64_t first_index,
                                   const std::string& id = "a") {
    const AttemptRecord attempt = world_.Attempt(id);
    v1::ReportAttemptRequest request;
    request.set_job("jobs/" + id);
    request.set_attempt(attempt.attempt);
    request.set_fence(attempt.fence);
    request.set_first_index(first_index);
    for (const v1::AttemptReport& report : reports) *request.add_reports() = report;
    return request;
  }

  // The next index; -1 after an error, which `last_` has.
  int64_t Send(const v1::ReportAttemptRequest& request) {
    absl::StatusOr<v1::ReportAttemptResponse> response = absl::UnknownError("not answered");
    ingest_.Report(request, [&response](auto result) { response = std::move(result); });
    world_.loop().RunUntilIdle();
    last_ = response.status();
    return response.ok() ? response->next_index() : -1;
  }

  // Sends what comes next.
  std::string Report(const Reports& reports, const std::string& id = "a") {
    const int64_t next = Send(Request(reports, next_[id], id));
    if (next >= 0) next_[id] = next;
    return ReasonOf(last_);
  }

  std::vector<v1::StepMetrics> Rows() {
    std::vector<v1::StepMetrics> rows;
    EXPECT_TRUE(world_.store()
                    .Read([&](Snapshot& snapshot) -> absl::Status {
                      ATTUNE_ASSIGN_OR_RETURN(rows, ListMetrics(snapshot, "a", 0, 1000));
                      return absl::OkStatus();
                    })
                    .ok());
    return rows;
  }
  std::vector<int64_t> Checkpoints() {
    std::vector<int64_t> steps;
    EXPECT_TRUE(world_.store()
                    .Read([&](Snapshot& snapshot) -> absl::Status {
                      ATTUNE_ASSIGN_OR_RETURN(const auto rows, ListCheckpoints(snapshot, "a"));
                      for (const CheckpointRecord& row : rows)
                        steps.push_back(row.checkpoint.step());
                      return absl::OkStatus();
                    })
                    .ok());
    return steps;
  }

  JobWorld world_;
  TrainerLogs logs_{PosixFileSystem(), world_.Path("logs")};
  ReportIngest ingest_{world_.store(), world_.lifecycle(), world_.leases(),
                       logs_,          world_.counters(),  world_.loop().clock()};
  std::map<std::string, int64_t> next_;
  absl::Status last_;
};

// ---- what each report does ----

TEST_F(ReportIngestTest, StartedBeginsTraining) {
  Begin();
  EXPECT_EQ(Report({Started(0, 762)}), "OK");
  EXPECT_EQ(world_.State("a"), "RUNNING(TRAINING)");
  EXPECT_EQ(world_.Job("a").job.progress().total_steps(), 762);
  EXPECT_TRUE(world_.Job("a").job.has_start_time());
  EXPECT_EQ(world_.Attempt("a").state, v1::Attempt::STARTED);
}

TEST_F(ReportIngestTest, AResumeThatIsNotExactSaysSo) {
  Begin();
  v1::AttemptReport started = Started(40);
  started.mutable_started()->set_exact(false);
  EXPECT_EQ(Report({started}), "OK");
  EXPECT_THAT(world_.Events("a").back().notice().message(), HasSubstr("not bit for bit"));
}

TEST_F(ReportIngestTest, PhasesAreReasonsOfRunningAndNothingElse) {
  Begin();
  EXPECT_EQ(Report({Started(), Phase(v1::Job::EVALUATING)}), "OK");
  EXPECT_EQ(world_.State("a"), "RUNNING(EVALUATING)");
  EXPECT_EQ(Report({Phase(v1::Job::WORKER_SILENT)}), "INVALID_FIELD");
  ASSERT_TRUE(world_.Pause("a").ok());
  EXPECT_EQ(Report({Phase(v1::Job::TRAINING)}), "OK");
  EXPECT_EQ(world_.State("a"), "PAUSING");
}

TEST_F(ReportIngestTest, MetricsBecomeRowsAndProgress) {
  Begin();
  EXPECT_EQ(Report({Started(), Metrics(10, 0.9), Metrics(20, 0.7)}), "OK");
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].step(), 20);
  EXPECT_EQ(rows[1].attempt(), 1);
  EXPECT_EQ(world_.Job("a").job.progress().step(), 20);
  EXPECT_EQ(world_.Job("a").job.progress().loss(), 0.7);
}

TEST_F(ReportIngestTest, CountersGrowByWhatIsNew) {
  Begin();
  EXPECT_EQ(Report({Started(), Metrics(10), Metrics(20)}), "OK");
  EXPECT_EQ(Report({Metrics(30), Metrics(40, std::nan(""))}), "OK");
  const JobCounters::Snapshot counts = world_.counters().Take();
  EXPECT_EQ(counts.steps.at("text_classification"), 40);
  EXPECT_EQ(counts.samples.at("text_classification"), 320);
  EXPECT_DOUBLE_EQ(counts.stage_seconds.at("forward"), 40);
  EXPECT_EQ(counts.nonfinite.at("text_classification"), 1);
}

TEST_F(ReportIngestTest, EvaluationsAreEventsAndTestsStayWithTheJob) {
  Begin();
  EXPECT_EQ(
      Report({Started(), Evaluation(v1::Evaluation::EVAL, 0.7),
              Evaluation(v1::Evaluation::TEST_BASE, 0.5), Evaluation(v1::Evaluation::TEST, 0.8)}),
      "OK");
  const v1::Job job = world_.Job("a").job;
  EXPECT_EQ(job.progress().best_evaluation().metrics().at("accuracy"), 0.7);
  EXPECT_EQ(job.base_test().metrics().at("accuracy"), 0.5);
  EXPECT_EQ(job.final_test().metrics().at("accuracy"), 0.8);
  EXPECT_TRUE(world_.Events("a").back().has_evaluation());
}

TEST_F(ReportIngestTest, ACheckpointMovesTheCommittedStepAndOldOnesGo) {
  Begin();
  EXPECT_EQ(Report({Started()}), "OK");
  for (int64_t step : {10, 20, 30}) {
    EXPECT_EQ(Report({Checkpoint(step, world_.AddBlob("state"))}), "OK");
    EXPECT_EQ(world_.Job("a").job.committed_step(), step);
  }
  EXPECT_THAT(Checkpoints(), ElementsAre(20, 30));
  EXPECT_EQ(world_.Events("a").back().checkpoint().step(), 30);
}

TEST_F(ReportIngestTest, ADamagedCheckpointIsGivenUpForTheOneBefore) {
  Begin();
  EXPECT_EQ(Report({Started(), Checkpoint(10, world_.AddBlob("ten")),
                    Checkpoint(20, world_.AddBlob("twenty")), Failed(v1::Failed::INFRA)}),
            "OK");
  Begin();
  EXPECT_EQ(world_.Attempt("a").start_step, 20);
  EXPECT_EQ(Report({DamagedCheckpoint()}), "OK");
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
  EXPECT_EQ(world_.Job("a").job.committed_step(), 10);
  const auto events = world_.Events("a");
  const auto& damage = events[events.size() - 2].checkpoint_damage();
  EXPECT_EQ(damage.step(), 20);
  EXPECT_EQ(damage.fallback_step(), 10);
  EXPECT_EQ(damage.message(), "manifest.json cannot be read back");
  Begin();
  EXPECT_EQ(world_.Attempt("a").start_step, 10);
  // The step is reached again, and its checkpoint takes the bad one's place.
  EXPECT_EQ(Report({Started(10), Checkpoint(20, world_.AddBlob("again"))}), "OK");
  EXPECT_EQ(world_.Job("a").job.committed_step(), 20);
}

TEST_F(ReportIngestTest, WithoutASoundCheckpointTheJobStartsAnewAndIsNotWithoutProgress) {
  Begin();
  EXPECT_EQ(Report({Started(), Checkpoint(10, world_.AddBlob("ten")),
                    Checkpoint(20, world_.AddBlob("twenty")), Failed(v1::Failed::INFRA)}),
            "OK");
  for (const int64_t start : {20, 10, 0}) {
    Begin();
    EXPECT_EQ(world_.Attempt("a").start_step, start);
    EXPECT_EQ(Report({start > 0 ? DamagedCheckpoint() : Started()}), "OK");
  }
  EXPECT_EQ(world_.Job("a").job.committed_step(), 0);
  EXPECT_EQ(world_.State("a"), "RUNNING(TRAINING)");
}

TEST_F(ReportIngestTest, DamageOfACheckpointThatIsNotTheNewestChangesNothing) {
  Begin();
  EXPECT_EQ(Report({Started(), Checkpoint(10, world_.AddBlob("ten")), DamagedCheckpoint()}), "OK");
  EXPECT_EQ(world_.Job("a").job.committed_step(), 10);
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
}

TEST_F(ReportIngestTest, ACheckpointNeverGoesBackAndTheSameStepIsHarmless) {
  Begin();
  EXPECT_EQ(Report({Started(), Checkpoint(20, world_.AddBlob("s"))}), "OK");
  EXPECT_EQ(Report({Checkpoint(10, world_.AddBlob("s"))}), "INVALID_FIELD");
  EXPECT_EQ(Report({Checkpoint(20, world_.AddBlob("s"))}), "OK");
  EXPECT_THAT(Checkpoints(), ElementsAre(20));
}

TEST_F(ReportIngestTest, NothingIsRegisteredWhoseBytesAreNotThere) {
  Begin();
  v1::FileRef missing = world_.AddBlob("state");
  missing.set_sha256(std::string(64, '0'));
  EXPECT_EQ(Report({Started(), Checkpoint(10, missing)}), "INVALID_FIELD");
  EXPECT_THAT(std::string(last_.message()), HasSubstr(missing.sha256()));
  EXPECT_EQ(Report({Started(), Succeeded(missing)}), "INVALID_FIELD");
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");  // all or nothing
}

TEST_F(ReportIngestTest, FailuresAreRetriedOrNot) {
  Begin();
  EXPECT_EQ(Report({Started(), Failed(v1::Failed::INFRA)}), "OK");
  EXPECT_EQ(world_.State("a"), "QUEUED(BACKOFF)");
  EXPECT_EQ(world_.Attempt("a").state, v1::Attempt::FAILED);
  Begin();
  EXPECT_EQ(Report({Started(), Failed(v1::Failed::USER)}), "OK");
  EXPECT_EQ(world_.State("a"), "FAILED");
}

TEST_F(ReportIngestTest, StopsGoByTheirCause) {
  const std::pair<v1::StopCause, std::string> cases[] = {
      {v1::STOP_CAUSE_PREEMPT, "QUEUED(PREEMPTED)"},
      {v1::STOP_CAUSE_DRAIN, "QUEUED(DRAINED)"},
      {v1::STOP_CAUSE_TIME_LIMIT, "FAILED"},
      {v1::STOP_CAUSE_UNSPECIFIED, "QUEUED(BACKOFF)"},  // nobody told it to
  };
  for (const auto& [cause, state] : cases) {
    const std::string id = absl::StrCat("job", static_cast<int>(cause));
    Begin(id);
    EXPECT_EQ(Report({Started(), Stopped(cause)}, id), "OK");
    EXPECT_EQ(world_.State(id), state);
  }
  EXPECT_EQ(world_.Job("job5").job.failure().reason(), v1::TIME_LIMIT);
}

TEST_F(ReportIngestTest, APausedJobGoesOnWhereItStopped) {
  Begin();
  EXPECT_EQ(Report({Started()}), "OK");
  ASSERT_TRUE(world_.Pause("a").ok());
  EXPECT_EQ(world_.Attempt("a").state, v1::Attempt::STOPPING);
  EXPECT_EQ(Report({Checkpoint(40, world_.AddBlob("s")), Stopped(v1::STOP_CAUSE_PAUSE)}), "OK");
  EXPECT_EQ(world_.State("a"), "PAUSED");
  ASSERT_TRUE(world_.Resume("a").ok());
  Begin();
  EXPECT_EQ(world_.Attempt("a").start_step, 40);
  EXPECT_EQ(world_.Job("a").infra_ends, 0);
}

TEST_F(ReportIngestTest, LogLinesGoToTheFileAfterTheCommit) {
  Begin();
  EXPECT_EQ(Report({Started(), Log(0, "hello ")}), "OK");
  EXPECT_EQ(Report({Log(6, "world")}), "OK");
  EXPECT_EQ(logs_.Read(world_.Job("a").job.uid(), 0, 100)->data, "hello world");
}

// ---- order, repetition, fences ----

TEST_F(ReportIngestTest, ARepeatedBatchIsAnsweredAndAppliedOnce) {
  Begin();
  const auto batch = Request({Started(), Metrics(10), Evaluation(v1::Evaluation::EVAL, 0.5)}, 0);
  EXPECT_EQ(Send(batch), 3);
  const size_t events = world_.Events("a").size();
  EXPECT_EQ(Send(batch), 3);
  EXPECT_EQ(world_.Events("a").size(), events);
}

TEST_F(ReportIngestTest, AnOverlappingBatchAppliesOnlyItsNewPart) {
  Begin();
  EXPECT_EQ(Send(Request({Started(), Evaluation(v1::Evaluation::EVAL, 0.5)}, 0)), 2);
  EXPECT_EQ(Send(Request(
                {Evaluation(v1::Evaluation::EVAL, 0.5), Evaluation(v1::Evaluation::EVAL, 0.6)}, 1)),
            3);
  EXPECT_EQ(world_.Job("a").job.progress().latest_evaluation().metrics().at("accuracy"), 0.6);
  int evaluations = 0;
  for (const v1::JobEvent& event : world_.Events("a")) evaluations += event.has_evaluation();
  EXPECT_EQ(evaluations, 2);
}

TEST_F(ReportIngestTest, AHoleNamesTheIndexToGoOnFrom) {
  Begin();
  EXPECT_EQ(Send(Request({Started()}, 0)), 1);
  EXPECT_EQ(Send(Request({Metrics(10)}, 5)), -1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(last_), "REPORT_HOLE");
  EXPECT_EQ(GetErrorDetail(last_).metadata.at("next_index"), "1");
}

TEST_F(ReportIngestTest, TheSameFinalReportAgainIsOkAndANewOneIsStale) {
  Begin();
  const auto final_report = Request({Started(), Failed(v1::Failed::INFRA)}, 0);
  EXPECT_EQ(Send(final_report), 2);
  EXPECT_EQ(Send(final_report), 2);
  EXPECT_EQ(Send(Request({Metrics(10)}, 2)), -1);
  EXPECT_EQ(ReasonOf(last_), "STALE_ATTEMPT");
  EXPECT_EQ(world_.Job("a").infra_ends, 1);
}

TEST_F(ReportIngestTest, AppliedReportsAreOkEvenOnceAnotherAttemptCounts) {
  Begin();
  const auto first = Request({Started()}, 0);
  EXPECT_EQ(Send(first), 1);
  ASSERT_TRUE(world_.Lapse("a").ok());
  Begin("a", "w2");
  EXPECT_EQ(Send(first), 1);
  v1::ReportAttemptRequest late = first;
  late.set_first_index(1);
  EXPECT_EQ(Send(late), -1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(last_), "STALE_ATTEMPT");
}

TEST_F(ReportIngestTest, ALateReportWithTheCurrentFenceRevives) {
  Begin();
  EXPECT_EQ(Report({Started(), Phase(v1::Job::EVALUATING)}), "OK");
  ASSERT_TRUE(world_.Lapse("a").ok());
  EXPECT_EQ(Report({Metrics(10)}), "OK");
  EXPECT_EQ(world_.State("a"), "RUNNING(EVALUATING)");
}

TEST_F(ReportIngestTest, ALateSuccessOfASilentWorkerCounts) {
  Begin();
  EXPECT_EQ(Report({Started()}), "OK");
  ASSERT_TRUE(world_.Lapse("a").ok());
  EXPECT_EQ(Report({Succeeded(world_.AddBlob("m"))}), "OK");
  EXPECT_EQ(world_.State("a"), "SUCCEEDED");
}

TEST_F(ReportIngestTest, WrongIdentitiesAreToldApart) {
  Begin();
  v1::ReportAttemptRequest request = Request({Started()}, 0);
  request.set_fence(request.fence() + 1);
  EXPECT_EQ(Send(request), -1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kInvalidArgument);
  request.set_fence(request.fence() - 2);
  EXPECT_EQ(Send(request), -1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kAborted);
  request = Request({Started()}, 0);
  request.set_attempt(7);
  EXPECT_EQ(Send(request), -1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kInvalidArgument);
  request = Request({Started()}, 0);
  request.set_job("jobs/another");
  EXPECT_EQ(Send(request), -1);
  EXPECT_EQ(last_.code(), absl::StatusCode::kNotFound);
}

// ---- what no sane worker sends ----

TEST_F(ReportIngestTest, AStepThatGoesBackIsStaleAndOneBeyondTheTotalIsInvalid) {
  Begin();
  EXPECT_EQ(Report({Started(0, 100), Metrics(50)}), "OK");
  EXPECT_EQ(Report({Metrics(49)}), "STALE_ATTEMPT");
  EXPECT_EQ(Report({Metrics(101)}), "INVALID_FIELD");
}

TEST_F(ReportIngestTest, RefusesTooManyReportsNamesAndBytes) {
  Begin();
  EXPECT_EQ(Report(Reports(257, Metrics(1))), "INVALID_FIELD");
  v1::AttemptReport evaluation = Evaluation(v1::Evaluation::EVAL, 0.5);
  (*evaluation.mutable_evaluation()->mutable_metrics())[std::string(1 << 20, 'x')] = 1;
  EXPECT_EQ(Report({evaluation}), "INVALID_FIELD");
  EXPECT_LT(last_.message().size(), 500U);
  v1::AttemptReport many = Metrics(1);
  for (int i = 0; i < 65; ++i) {
    (*many.mutable_metrics()->mutable_stage_seconds())[absl::StrCat(i)] = 1;
  }
  EXPECT_EQ(Report({many}), "INVALID_FIELD");
  EXPECT_EQ(Report({v1::AttemptReport()}), "INVALID_FIELD");
}

TEST_F(ReportIngestTest, RefusesPathsThatLeaveTheFolder) {
  Begin();
  for (const char* path : {"../x", "/etc/passwd", "a//b", "a/./b", "", "a/.."}) {
    v1::FileRef file = world_.AddBlob(path);
    EXPECT_EQ(Report({Checkpoint(1, file)}), "INVALID_FIELD") << path;
  }
}

TEST_F(ReportIngestTest, NothingMayFollowTheFinalReport) {
  Begin();
  EXPECT_EQ(Report({Started(), Failed(v1::Failed::USER), Metrics(1)}), "INVALID_FIELD");
  EXPECT_EQ(world_.State("a"), "RUNNING(STARTING)");
}

}  // namespace
}  // namespace attune
