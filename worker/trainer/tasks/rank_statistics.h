// SPDX-License-Identifier: Apache-2.0
// Statistics of two columns of numbers. Pure; inputs of equal length. nullopt: undefined, because
// a column is constant or too short, or a number is not finite.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace attune {

// From 1; equal values share the mean of their ranks. Needs finite values.
std::vector<double> AverageRanks(const std::vector<double>& values);

// The area under the ROC curve: how likely a positive scores above a negative, a tie counting half.
std::optional<double> AreaUnderRoc(const std::vector<double>& scores,
                                   const std::vector<bool>& positive);

// Pearson's correlation.
std::optional<double> Correlation(const std::vector<double>& a, const std::vector<double>& b);

// Spearman's: Pearson's of the ranks.
std::optional<double> RankCorrelation(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace attune
