// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/retry_policy.h"

#include <algorithm>

#include "base/backoff.h"

namespace attune {
namespace {

constexpr int kStalledEndsAllowed = 2;
const BackoffOptions kRetryBackoff = {
    .initial = absl::Seconds(5), .maximum = kMaxRetryDelay, .multiplier = 2, .jitter = 0.2};

}  // namespace

RetryDecision DecideRetry(const RetrySituation& situation, Rng& rng) {
  RetryDecision decision;
  decision.infra_ends = situation.infra_ends;
  decision.stalled_ends = situation.stalled_ends;
  if (situation.failure_class == v1::Failed::RESOURCE && situation.may_shrink) {
    decision.kind = RetryDecision::Kind::kShrink;
    decision.delay = BackoffDelay(kRetryBackoff, 0, rng);
    return decision;
  }
  if (situation.failure_class != v1::Failed::INFRA) return decision;

  decision.infra_ends = situation.infra_ends + 1;
  decision.stalled_ends = situation.made_progress ? 0 : situation.stalled_ends + 1;
  if (decision.stalled_ends > kStalledEndsAllowed) {
    decision.kind = RetryDecision::Kind::kSpent;
    decision.spent_reason = v1::NO_PROGRESS;
  } else if (decision.infra_ends > situation.max_infra_retries) {
    decision.kind = RetryDecision::Kind::kSpent;
    decision.spent_reason = v1::RETRIES_EXHAUSTED;
  } else {
    decision.kind = RetryDecision::Kind::kRetry;
    decision.delay =
        std::min(BackoffDelay(kRetryBackoff, decision.infra_ends - 1, rng), kMaxRetryDelay);
  }
  return decision;
}

}  // namespace attune
