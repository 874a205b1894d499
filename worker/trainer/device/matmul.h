// SPDX-License-Identifier: Apache-2.0
// The one matrix product that training needs, on the faster of the two libraries inside libtorch.
#pragma once

#include <string_view>

#include "ATen/core/Tensor.h"

namespace attune {

enum class MatmulBackend { kMkl, kOneDnn };
std::string_view MatmulBackendName(MatmulBackend backend);  // "mkl", "onednn"

// Which one this process uses: oneDNN unless the CPU is Intel's, where MKL is as fast, or libtorch
// lacks it. A function of the CPU and the build alone, never of a measurement, since the two round
// differently and all attempts of a job must agree. (Zen 5, fp32: 500 against 220 GFLOP/s.)
MatmulBackend ChosenMatmulBackend();

// x [m, k] times w [n, k] transposed, plus bias [n] where defined: [m, n]. x is contiguous; w may
// have any strides, so a transposed view makes x · wᵀᵀ = x · w without a copy.
at::Tensor MatmulNT(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias = {});
at::Tensor MatmulNT(MatmulBackend backend, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& bias);

}  // namespace attune
