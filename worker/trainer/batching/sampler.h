// SPDX-License-Identifier: Apache-2.0
// In which order training sees its examples: a pure function of (seed, epoch), so that a resumed
// run needs only its place in it.
#pragma once

#include <cstdint>
#include <vector>

namespace attune {

// A permutation of [0, examples).
std::vector<int64_t> EpochOrder(uint64_t seed, int64_t epoch, int64_t examples);

// How an epoch falls into steps: micro-batches of `batch_size` sequences, `accumulation` of them a
// step; the last of an epoch may be smaller and is kept.
struct StepPlan {
  int64_t examples = 0, batch_size = 1, accumulation = 1;

  int64_t sequences_per_step() const { return batch_size * accumulation; }
  int64_t steps_per_epoch() const {
    return (examples + sequences_per_step() - 1) / sequences_per_step();
  }
  // Places [begin, end) in the epoch's order that step `step` (from 0, over all epochs) takes.
  struct Range {
    int64_t epoch = 0, begin = 0, end = 0;
  };
  Range At(int64_t step) const;
};

}  // namespace attune
