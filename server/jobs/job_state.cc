// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_state.h"

namespace attune {
namespace {

using v1::Job;

constexpr Transition kSameState{Verdict::kSame};
constexpr Transition kRefused{Verdict::kError};
constexpr Transition kStaleReport{Verdict::kStale};
constexpr Transition kCannotHappen{Verdict::kImpossible};

Transition To(Job::State state, Job::StateReason reason = Job::STATE_REASON_UNSPECIFIED) {
  return {Verdict::kMove, state, reason, false};
}

Transition ToWithoutReport(Job::State state) {
  return {Verdict::kMove, state, Job::STATE_REASON_UNSPECIFIED, true};
}

Transition FromValidating(JobEventKind event) {
  switch (event) {
    case JobEventKind::kChecksOk:
      return To(Job::QUEUED, Job::WAITING_FOR_WORKER);
    case JobEventKind::kChecksBad:
      return To(Job::FAILED);
    case JobEventKind::kCancel:
      return To(Job::CANCELLED);
    case JobEventKind::kPause:
      return To(Job::PAUSED);
    case JobEventKind::kResume:
      return kRefused;
    default:
      return kCannotHappen;
  }
}

Transition FromQueued(JobEventKind event) {
  switch (event) {
    case JobEventKind::kGrant:
      return To(Job::RUNNING, Job::STARTING);
    case JobEventKind::kCancel:
      return To(Job::CANCELLED);
    case JobEventKind::kPause:
      return To(Job::PAUSED);
    case JobEventKind::kResume:
      return kSameState;
    case JobEventKind::kChecksOk:
    case JobEventKind::kChecksBad:
    case JobEventKind::kLapse:
      return kCannotHappen;
    default:
      return kStaleReport;
  }
}

Transition FromRunningStopped(v1::StopCause cause) {
  switch (cause) {
    case v1::STOP_CAUSE_PREEMPT:
      return To(Job::QUEUED, Job::PREEMPTED);
    case v1::STOP_CAUSE_DRAIN:
      return To(Job::QUEUED, Job::DRAINED);
    default:  // PAUSE and CANCEL would have left RUNNING; TIME_LIMIT is an event of its own
      return kCannotHappen;
  }
}

Transition FromRunning(const JobSituation& situation, JobEventKind event) {
  const bool lapsed = situation.lapsed;
  switch (event) {
    case JobEventKind::kGrant:
      return lapsed ? To(Job::RUNNING, Job::STARTING) : kCannotHappen;
    case JobEventKind::kStarted:
      return To(Job::RUNNING, Job::TRAINING);
    case JobEventKind::kSucceeded:
      return To(Job::SUCCEEDED);
    case JobEventKind::kFailedRetryable:
      return To(Job::QUEUED, Job::BACKOFF);
    case JobEventKind::kFailedUser:
    case JobEventKind::kFailedSpent:
    case JobEventKind::kStoppedTimeLimit:
      return To(Job::FAILED);
    case JobEventKind::kStopped:
      return FromRunningStopped(situation.stop_cause);
    case JobEventKind::kLapse:
      return lapsed ? kSameState : To(Job::RUNNING, Job::WORKER_SILENT);
    case JobEventKind::kCancel:
      return lapsed ? ToWithoutReport(Job::CANCELLED) : To(Job::CANCELLING);
    case JobEventKind::kPause:
      return lapsed ? ToWithoutReport(Job::PAUSED) : To(Job::PAUSING);
    case JobEventKind::kResume:
      return kSameState;
    case JobEventKind::kChecksOk:
    case JobEventKind::kChecksBad:
      return kCannotHappen;
  }
  return kCannotHappen;
}

Transition FromPausing(JobEventKind event) {
  switch (event) {
    case JobEventKind::kStarted:
    case JobEventKind::kPause:
      return kSameState;
    case JobEventKind::kSucceeded:
      return To(Job::SUCCEEDED);
    case JobEventKind::kFailedUser:
    case JobEventKind::kFailedSpent:
      return To(Job::FAILED);
    case JobEventKind::kFailedRetryable:
    case JobEventKind::kStopped:
    case JobEventKind::kStoppedTimeLimit:
      return To(Job::PAUSED);
    case JobEventKind::kLapse:
      return ToWithoutReport(Job::PAUSED);
    case JobEventKind::kCancel:
      return To(Job::CANCELLING);
    case JobEventKind::kResume:
      return kRefused;
    default:
      return kCannotHappen;
  }
}

Transition FromPaused(const JobSituation& situation, JobEventKind event) {
  switch (event) {
    case JobEventKind::kChecksOk:
    case JobEventKind::kChecksBad:
    case JobEventKind::kPause:
      return kSameState;
    case JobEventKind::kCancel:
      return To(Job::CANCELLED);
    case JobEventKind::kResume:
      return situation.checks_open ? To(Job::VALIDATING) : To(Job::QUEUED, Job::WAITING_FOR_WORKER);
    case JobEventKind::kGrant:
    case JobEventKind::kLapse:
      return kCannotHappen;
    default:
      return kStaleReport;
  }
}

Transition FromCancelling(JobEventKind event) {
  switch (event) {
    case JobEventKind::kStarted:
    case JobEventKind::kCancel:
      return kSameState;
    case JobEventKind::kSucceeded:
    case JobEventKind::kFailedUser:
    case JobEventKind::kFailedRetryable:
    case JobEventKind::kFailedSpent:
    case JobEventKind::kStopped:
    case JobEventKind::kStoppedTimeLimit:
      return To(Job::CANCELLED);
    case JobEventKind::kLapse:
      return ToWithoutReport(Job::CANCELLED);
    case JobEventKind::kPause:
    case JobEventKind::kResume:
      return kRefused;
    default:
      return kCannotHappen;
  }
}

Transition FromFinal(Job::State state, JobEventKind event) {
  switch (event) {
    case JobEventKind::kChecksOk:
    case JobEventKind::kChecksBad:
      return kSameState;
    case JobEventKind::kCancel:
      return state == Job::CANCELLED ? kSameState : kRefused;
    case JobEventKind::kPause:
    case JobEventKind::kResume:
      return kRefused;
    case JobEventKind::kGrant:
    case JobEventKind::kLapse:
      return kCannotHappen;
    default:
      return kStaleReport;
  }
}

}  // namespace

Transition NextState(const JobSituation& situation, JobEventKind event) {
  switch (situation.state) {
    case Job::VALIDATING:
      return FromValidating(event);
    case Job::QUEUED:
      return FromQueued(event);
    case Job::RUNNING:
      return FromRunning(situation, event);
    case Job::PAUSING:
      return FromPausing(event);
    case Job::PAUSED:
      return FromPaused(situation, event);
    case Job::CANCELLING:
      return FromCancelling(event);
    case Job::SUCCEEDED:
    case Job::FAILED:
    case Job::CANCELLED:
      return FromFinal(situation.state, event);
    default:
      return kCannotHappen;
  }
}

bool IsFinal(v1::Job::State state) {
  return state == Job::SUCCEEDED || state == Job::FAILED || state == Job::CANCELLED;
}

}  // namespace attune
