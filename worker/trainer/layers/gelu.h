// SPDX-License-Identifier: Apache-2.0
// The exact GELU, x · Φ(x) (Hendrycks & Gimpel 2016), of packed rows, and its gradient. erf is
// Abramowitz & Stegun 7.1.26 (absolute error under 1.5e-7), as in ATen's own vector code.
#pragma once

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace attune {

at::Tensor Gelu(int64_t rows, const at::Tensor& x);

// Turns `dy` into dy · gelu'(x), in place.
void GeluBackward(int64_t rows, const at::Tensor& x, at::Tensor& dy);

}  // namespace attune
