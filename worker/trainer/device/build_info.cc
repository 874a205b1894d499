// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/build_info.h"

#include <cstdlib>
#include <fstream>

#include "ATen/Parallel.h"
#include "ATen/Version.h"
#include "absl/strings/str_cat.h"
#include "torch/version.h"
#include "worker/trainer/device/matmul.h"

namespace attune {
namespace {

std::string CpuModel() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

BuildInfo CurrentBuild(Precision precision) {
  const char* cbwr = std::getenv("MKL_CBWR");
  BuildInfo info;
  info.torch_version = TORCH_VERSION;
  info.cpu = absl::StrCat(CpuModel(), ", ", at::get_cpu_capability());
  info.matmul = MatmulBackendName(ChosenMatmulBackend());
  info.mkl_cbwr = cbwr == nullptr ? "" : cbwr;
  info.dtype = DTypeNameOf(precision);
  info.threads = at::get_num_threads();
  return info;
}

}  // namespace attune
