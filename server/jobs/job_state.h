// SPDX-License-Identifier: Apache-2.0
// The table of Job.State (proto/attune/v1/job.proto) as one pure function. Every cell is a test.
#pragma once

#include <string>

#include "attune/v1/attempt.pb.h"
#include "attune/v1/job.pb.h"

namespace attune {

enum class JobEventKind {
  kChecksOk,
  kChecksBad,
  kGrant,
  kStarted,
  kSucceeded,
  kFailedUser,  // not retried
  kFailedRetryable,
  kFailedSpent,  // retryable, but the budget is spent
  kStopped,
  kStoppedTimeLimit,  // Stopped because max_run_duration is over
  kLapse,
  kCancel,
  kPause,
  kResume,
};

enum class Verdict {
  kMove,        // go to `state` with `reason`
  kSame,        // ok, nothing changes
  kError,       // FAILED_PRECONDITION/WRONG_STATE
  kStale,       // ABORTED/STALE_ATTEMPT
  kImpossible,  // cannot happen: logged and counted, nothing changes
};

struct Transition {
  Verdict verdict = Verdict::kImpossible;
  v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
  v1::Job::StateReason reason = v1::Job::STATE_REASON_UNSPECIFIED;
  bool retire_fence = false;
};

struct JobSituation {
  v1::Job::State state = v1::Job::STATE_UNSPECIFIED;
  bool lapsed = false;                                    // RUNNING with WORKER_SILENT
  bool checks_open = false;                               // PAUSED before its checks were done
  v1::StopCause stop_cause = v1::STOP_CAUSE_UNSPECIFIED;  // of a Stopped report
};

Transition NextState(const JobSituation& situation, JobEventKind event);

bool IsFinal(v1::Job::State state);

}  // namespace attune
