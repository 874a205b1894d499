// SPDX-License-Identifier: Apache-2.0
// The one matrix product that training needs, on the faster of the two libraries inside libtorch.
#pragma once

#include <string_view>

#include "ATen/core/Tensor.h"
#include "worker/trainer/device/precision.h"

namespace attune {

enum class MatmulBackend { kMkl, kOneDnn };
std::string_view MatmulBackendName(MatmulBackend backend);  // "mkl", "onednn"

// Which one this process uses: oneDNN unless the CPU is Intel's, where MKL is as fast, or libtorch
// lacks it. A function of the CPU and the build alone, never of a measurement, since the two round
// differently and all attempts of a job must agree. (Zen 5, fp32: 500 against 220 GFLOP/s.)
MatmulBackend ChosenMatmulBackend();

// x [m, k] times w [n, k] transposed, plus bias [n] where defined: [m, n]. x is contiguous; w may
// have any strides, so a transposed view makes x · wᵀᵀ = x · w without a copy. All are fp32.
//
// In kBf16, copies of x and w rounded to bf16 (8 bits) are multiplied by oneDNN, whatever the CPU,
// with sums in fp32; libtorch's door to it then rounds the sums to bf16 as well. The bias is added
// in fp32. So, with u = 2⁻⁸, |error| ≤ (2u + u²)(1 + u) Σ|x||w| + u |x · w| but for the order of
// additions. (MKL's product with fp32 results takes 4 times as long on AMD.) Needs HasBf16().
at::Tensor MatmulNT(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias = {},
                    Precision precision = Precision::kFp32);
at::Tensor MatmulNT(MatmulBackend backend, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& bias);

// The fp32 product, of which every element is then clamped to [low, high]; oneDNN does both in one
// pass over the result.
at::Tensor ClampedMatmulNT(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                           float low, float high);
at::Tensor ClampedMatmulNT(MatmulBackend backend, const at::Tensor& x, const at::Tensor& w,
                           const at::Tensor& bias, float low, float high);

// Whether the CPU has instructions for bf16 and libtorch the oneDNN that uses them.
bool HasBf16();

}  // namespace attune
