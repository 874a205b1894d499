// SPDX-License-Identifier: Apache-2.0
// Whether gradients are what they say they are, by finite differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "worker/trainer/models/parameter.h"

namespace attune {

// `value` is a function of the parameters, whose `grad` is its gradient. Goes `step` (divided by
// the root of the parameter's size) to both sides along a random direction of each parameter; its
// slope there must be the gradient's within 2 % of max(1, slope).
inline void ExpectSlopes(const std::vector<Parameter*>& parameters,
                         const std::function<double()>& value, double step) {
  for (Parameter* p : parameters) {
    const at::Tensor direction = at::randn_like(p->value);
    const double slope = (p->grad * direction).sum(at::kDouble).item<double>();
    const double length = step / std::sqrt(static_cast<double>(p->value.numel()));
    const at::Tensor before = p->value.clone();
    p->value.add_(direction, length);
    const double above = value();
    p->value.copy_(before).sub_(direction, length);
    const double below = value();
    p->value.copy_(before);
    EXPECT_NEAR((above - below) / (2 * length), slope, 0.02 * std::max(1.0, std::abs(slope)))
        << p->parts[0].name;
  }
}

}  // namespace attune
