// SPDX-License-Identifier: Apache-2.0
// Dropout on its own, for the few rows of a classifier's head. Its own gradient.
#pragma once

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {

// x [rows, width] times its mask; x itself where the dropout is not active.
at::Tensor ApplyMask(const at::Tensor& x, const Dropout& dropout);

}  // namespace attune
