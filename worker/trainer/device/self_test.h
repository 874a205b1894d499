// SPDX-License-Identifier: Apache-2.0
// How fast matrix products are here, against what the CPU's multiply-add units can do: a tenth of a
// second at start, so that a slow machine says why. Decides nothing: results must not depend on it.
#pragma once

#include <string>

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

// Empty when the products reach 60 % of the peak; else a sentence that names the likely cause.
std::string SelfTestWarning(const SelfTest& result, double cpu_share);

}  // namespace attune
