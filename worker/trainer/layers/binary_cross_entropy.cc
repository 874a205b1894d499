// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/binary_cross_entropy.h"

#include <algorithm>
#include <cmath>

namespace attune {

double Sigmoid(double logit) { return 1 / (1 + std::exp(-logit)); }

double BinaryCrossEntropy(double logit, bool present) {
  // No exponential of a large positive number.
  return std::max(logit, 0.0) - (present ? logit : 0.0) + std::log1p(std::exp(-std::abs(logit)));
}

double BinaryCrossEntropySlope(double logit, bool present) {
  return Sigmoid(logit) - (present ? 1.0 : 0.0);
}

}  // namespace attune
