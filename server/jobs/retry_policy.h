// SPDX-License-Identifier: Apache-2.0
// Whether and when a failed attempt is tried again (lifecycle R9). Pure but for the jitter.
#pragma once

#include "absl/time/time.h"
#include "attune/v1/attempt.pb.h"
#include "base/rng.h"

namespace attune {

inline constexpr absl::Duration kMaxRetryDelay = absl::Minutes(10);

// The job's counts before this end.
struct RetrySituation {
  v1::Failed::FailureClass failure_class = v1::Failed::FAILURE_CLASS_UNSPECIFIED;
  int infra_ends = 0;          // of the whole job
  int stalled_ends = 0;        // the last ones in a row without a new committed step
  bool made_progress = false;  // this attempt committed a step
  int max_infra_retries = 20;
  bool may_shrink = false;  // out of memory: a smaller micro-batch is allowed and was not tried yet
};

struct RetryDecision {
  enum class Kind {
    kFail,    // for the failure's own reason
    kRetry,   // after `delay`
    kShrink,  // likewise, with a smaller micro-batch
    kSpent,   // would be tried again, but `spent_reason`
  };
  Kind kind = Kind::kFail;
  v1::ErrorReason spent_reason = v1::ERROR_REASON_UNSPECIFIED;
  absl::Duration delay;
  // The counts after this end.
  int infra_ends = 0;
  int stalled_ends = 0;
};

// USER fails, and so does RESOURCE, but for one retry with a smaller micro-batch where the job
// allows it. INFRA is retried after 5 s · 2ⁿ (at most 10 min, jittered) until the budget is spent
// or three ends in a row brought no new committed step.
RetryDecision DecideRetry(const RetrySituation& situation, Rng& rng);

}  // namespace attune
