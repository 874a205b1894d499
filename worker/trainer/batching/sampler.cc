// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/sampler.h"

#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {

std::vector<int64_t> EpochOrder(uint64_t seed, int64_t epoch, int64_t examples) {
  constexpr uint64_t kOrderKey = 0x617474756E656F72ull;
  SeededRng rng(Mix(Mix(kOrderKey, seed), static_cast<uint64_t>(epoch)));
  std::vector<int64_t> order(static_cast<size_t>(examples));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  return order;
}

StepPlan::Range StepPlan::At(int64_t step) const {
  const int64_t begin = step % steps_per_epoch() * sequences_per_step();
  return {step / steps_per_epoch(), begin, std::min(begin + sequences_per_step(), examples)};
}

}  // namespace attune
