// SPDX-License-Identifier: Apache-2.0
// What each window of a dense convolution sees, as a row: the convolution is a matrix product then.
// Pure.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "worker/trainer/layers/same_window.h"

namespace attune {

// x [capacity of images · in², channels] (pixels row by row): [capacity of images · out², kernel² ·
// channels], the window's pixels row by row, padding as zeros.
at::Tensor ImagePatches(const at::Tensor& x, int64_t images, const SameWindow& window);

}  // namespace attune
