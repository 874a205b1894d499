// SPDX-License-Identifier: Apache-2.0
// Dropout on its own: of a head's rows, of an adapter's input. Its own gradient.
#pragma once

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {

// x [rows, width], contiguous, times its mask; x itself where the dropout is not active.
at::Tensor ApplyMask(const at::Tensor& x, const Dropout& dropout);

}  // namespace attune
