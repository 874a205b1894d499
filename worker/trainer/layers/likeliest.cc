// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/likeliest.h"

#include <algorithm>
#include <cmath>

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/simd.h"
#include "worker/trainer/layers/row_softmax.h"

namespace attune {
namespace {

// Tokens that are looked at one by one only if one may be among the likeliest.
constexpr int64_t kBlock = 512;

struct Candidate {
  float logit;
  int32_t id;
};

ATTUNE_SIMD float Highest(const float* row, int64_t n) { return HighestOf(row, n); }

ATTUNE_SIMD double LogSumOfExponentials(const float* row, int64_t n, float top) {
  return std::log(SumOfExponentials(row, n, top, nullptr));
}

// Keeps `best` sorted and no longer than `count`. Ids come in rising order, so that of equal ones
// the lower stays first.
void Insert(Candidate candidate, size_t count, std::vector<Candidate>& best) {
  const auto place =
      std::upper_bound(best.begin(), best.end(), candidate,
                       [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  best.insert(place, candidate);
  if (best.size() > count) best.pop_back();
}

std::vector<Candidate> BestOf(const float* row, int64_t vocabulary, size_t count) {
  std::vector<Candidate> best;
  for (int64_t begin = 0; begin < vocabulary; begin += kBlock) {
    const int64_t n = std::min(kBlock, vocabulary - begin);
    if (best.size() == count && !(Highest(row + begin, n) > best.back().logit)) continue;
    for (int64_t i = begin; i < begin + n; ++i) {
      if (best.size() == count && !(row[i] > best.back().logit)) continue;
      Insert({row[i], static_cast<int32_t>(i)}, count, best);
    }
  }
  return best;
}

}  // namespace

std::vector<LikelyToken> LikeliestTokens(int64_t rows, const at::Tensor& logits, int64_t count) {
  const int64_t vocabulary = logits.size(1);
  const float* data = logits.const_data_ptr<float>();
  std::vector<LikelyToken> likeliest(static_cast<size_t>(rows * count));
  ParallelFor(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = data + i * vocabulary;
      const auto best = BestOf(row, vocabulary, static_cast<size_t>(count));
      const float top = best.front().logit;
      const double log_sum = LogSumOfExponentials(row, vocabulary, top);
      LikelyToken* out = likeliest.data() + i * count;
      for (const Candidate& c : best) *out++ = {c.id, c.logit - top - log_sum};
    }
  });
  return likeliest;
}

}  // namespace attune
