// SPDX-License-Identifier: Apache-2.0
// How fast matrix products are here, against what the CPU's multiply-add units can do: a tenth of a
// second at start, so that a slow machine says why. Decides nothing but what "auto" precision is
// for a job's first attempt: results must not depend on it.
#pragma once

#include <string>

#include "worker/trainer/device/precision.h"

namespace attune {

struct SelfTest {
  double peak_gflops = 0;    // multiply-adds on registers, all threads
  double matmul_gflops = 0;  // the chosen library
  double other_gflops = 0;   // the other one; 0 where there is none

  double share() const { return matmul_gflops / peak_gflops; }
};

// `cpu_share`: CPU time over wall time and threads meanwhile; below 0.9 somebody else uses these
// cores.
SelfTest RunSelfTest(double* cpu_share);

// bf16 against fp32 on a product as training has it (a batch of 1024 tokens into a feed-forward
// layer of 384 × 1536), roundings included, on one thread; 0.1 s. Without the instructions nothing
// is measured.
Bf16Ability MeasureBf16();

// Empty when the products reach 60 % of the peak; else a sentence that names the likely cause.
std::string SelfTestWarning(const SelfTest& result, double cpu_share);

}  // namespace attune
