// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/rank_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attune {
namespace {

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> AverageRanks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = static_cast<double>(begin + 1 + end) / 2;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = shared;
  }
  return ranks;
}

std::optional<double> AreaUnderRoc(const std::vector<double>& scores,
                                   const std::vector<bool>& positive) {
  if (!AllFinite(scores)) return std::nullopt;
  const std::vector<double> ranks = AverageRanks(scores);
  double positives = 0, rank_sum = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (!positive[i]) continue;
    positives += 1;
    rank_sum += ranks[i];
  }
  const double negatives = static_cast<double>(ranks.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives);
}

std::optional<double> Correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2 || !AllFinite(a) || !AllFinite(b)) return std::nullopt;
  const double mean_a = Mean(a), mean_b = Mean(b);
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double da = a[i] - mean_a, db = b[i] - mean_b;
    aa += da * da;
    bb += db * db;
    ab += da * db;
  }
  if (aa == 0 || bb == 0) return std::nullopt;
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

std::optional<double> RankCorrelation(const std::vector<double>& a, const std::vector<double>& b) {
  if (!AllFinite(a) || !AllFinite(b)) return std::nullopt;
  return Correlation(AverageRanks(a), AverageRanks(b));
}

}  // namespace attune
