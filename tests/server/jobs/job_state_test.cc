// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_state.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace attune {
namespace {

using v1::Job;

// The columns of the table, in its order. Stopped comes twice: preempted, and over the time limit.
const std::vector<std::pair<std::string, JobEventKind>> kColumns = {
    {"ok", JobEventKind::kChecksOk},
    {"bad", JobEventKind::kChecksBad},
    {"Grant", JobEventKind::kGrant},
    {"Started", JobEventKind::kStarted},
    {"Succeeded", JobEventKind::kSucceeded},
    {"USER", JobEventKind::kFailedUser},
    {"retryable", JobEventKind::kFailedRetryable},
    {"spent", JobEventKind::kFailedSpent},
    {"preempted", JobEventKind::kStopped},
    {"limit", JobEventKind::kStoppedTimeLimit},
    {"lapse", JobEventKind::kLapse},
    {"Cancel", JobEventKind::kCancel},
    {"Pause", JobEventKind::kPause},
    {"Resume", JobEventKind::kResume},
};

// A cell: "–" cannot happen, "same", "error", "stale", or the state with its reason; "!" after it
// when the fence is retired.
struct Row {
  std::string name;
  JobSituation situation;
  std::vector<std::string> cells;
};

JobSituation In(Job::State state) {
  JobSituation situation;
  situation.state = state;
  situation.stop_cause = v1::STOP_CAUSE_PREEMPT;
  return situation;
}
JobSituation Lapsed() {
  JobSituation situation = In(Job::RUNNING);
  situation.lapsed = true;
  return situation;
}
JobSituation PausedUnchecked() {
  JobSituation situation = In(Job::PAUSED);
  situation.checks_open = true;
  return situation;
}

std::vector<Row> Table() {
  const std::string queued = "QUEUED(WAITING_FOR_WORKER)", starting = "RUNNING(STARTING)",
                    training = "RUNNING(TRAINING)", backoff = "QUEUED(BACKOFF)",
                    preempted = "QUEUED(PREEMPTED)", silent = "RUNNING(WORKER_SILENT)";
  const std::vector<std::string> final_row = {"same",  "same",  "–",     "stale", "stale",
                                              "stale", "stale", "stale", "stale", "stale",
                                              "–",     "error", "error", "error"};
  std::vector<std::string> cancelled_row = final_row;
  cancelled_row[11] = "same";
  return {
      {"VALIDATING",
       In(Job::VALIDATING),
       {queued, "FAILED", "–", "–", "–", "–", "–", "–", "–", "–", "–", "CANCELLED", "PAUSED",
        "error"}},
      {"QUEUED",
       In(Job::QUEUED),
       {"–", "–", starting, "stale", "stale", "stale", "stale", "stale", "stale", "stale", "–",
        "CANCELLED", "PAUSED", "same"}},
      {"RUNNING",
       In(Job::RUNNING),
       {"–", "–", "–", training, "SUCCEEDED", "FAILED", backoff, "FAILED", preempted, "FAILED",
        silent, "CANCELLING", "PAUSING", "same"}},
      {"RUNNING, lapsed",
       Lapsed(),
       {"–", "–", starting, training, "SUCCEEDED", "FAILED", backoff, "FAILED", preempted, "FAILED",
        "same", "CANCELLED!", "PAUSED!", "same"}},
      {"PAUSING",
       In(Job::PAUSING),
       {"–", "–", "–", "same", "SUCCEEDED", "FAILED", "PAUSED", "FAILED", "PAUSED", "PAUSED",
        "PAUSED!", "CANCELLING", "same", "error"}},
      {"PAUSED",
       In(Job::PAUSED),
       {"same", "same", "–", "stale", "stale", "stale", "stale", "stale", "stale", "stale", "–",
        "CANCELLED", "same", queued}},
      {"PAUSED, unchecked",
       PausedUnchecked(),
       {"same", "same", "–", "stale", "stale", "stale", "stale", "stale", "stale", "stale", "–",
        "CANCELLED", "same", "VALIDATING"}},
      {"CANCELLING",
       In(Job::CANCELLING),
       {"–", "–", "–", "same", "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED", "CANCELLED",
        "CANCELLED", "CANCELLED!", "same", "error", "error"}},
      {"SUCCEEDED", In(Job::SUCCEEDED), final_row},
      {"FAILED", In(Job::FAILED), final_row},
      {"CANCELLED", In(Job::CANCELLED), cancelled_row},
  };
}

std::string Words(const Transition& transition) {
  switch (transition.verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kError:
      return "error";
    case Verdict::kStale:
      return "stale";
    case Verdict::kImpossible:
      return "–";
    case Verdict::kMove:
      break;
  }
  std::string words = Job::State_Name(transition.state);
  if (transition.reason != Job::STATE_REASON_UNSPECIFIED) {
    absl::StrAppend(&words, "(", Job::StateReason_Name(transition.reason), ")");
  }
  return words + (transition.retire_fence ? "!" : "");
}

TEST(JobState, EveryCellIsAsTheTableSays) {
  for (const Row& row : Table()) {
    ASSERT_EQ(row.cells.size(), kColumns.size()) << row.name;
    for (size_t i = 0; i < kColumns.size(); ++i) {
      EXPECT_EQ(Words(NextState(row.situation, kColumns[i].second)), row.cells[i])
          << row.name << " on " << kColumns[i].first;
    }
  }
}

TEST(JobState, ADrainedJobGoesBackToTheQueue) {
  JobSituation situation = In(Job::RUNNING);
  situation.stop_cause = v1::STOP_CAUSE_DRAIN;
  EXPECT_EQ(Words(NextState(situation, JobEventKind::kStopped)), "QUEUED(DRAINED)");
}

TEST(JobState, ARunningJobCannotStopForACauseThatWouldHaveMovedItBefore) {
  for (v1::StopCause cause : {v1::STOP_CAUSE_UNSPECIFIED, v1::STOP_CAUSE_PAUSE,
                              v1::STOP_CAUSE_CANCEL, v1::STOP_CAUSE_STALE}) {
    JobSituation situation = In(Job::RUNNING);
    situation.stop_cause = cause;
    EXPECT_EQ(Words(NextState(situation, JobEventKind::kStopped)), "–");
  }
}

TEST(JobState, OnlyThreeStatesAreFinal) {
  std::vector<Job::State> finals;
  for (int state = Job::State_MIN; state <= Job::State_MAX; ++state) {
    if (IsFinal(static_cast<Job::State>(state))) finals.push_back(static_cast<Job::State>(state));
  }
  EXPECT_EQ(finals, (std::vector<Job::State>{Job::SUCCEEDED, Job::FAILED, Job::CANCELLED}));
}

}  // namespace
}  // namespace attune
