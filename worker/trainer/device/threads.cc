// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/threads.h"

#include <malloc.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "ATen/Context.h"
#include "ATen/Parallel.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "worker/trainer/device/tensor_memory.h"

namespace attune {
namespace {

absl::Status Refuse(std::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TRAINER_REFUSED", message);
}

// Paths of the OpenMP runtimes in this process. Each has its own pool: two halve the speed.
std::set<std::string> OpenMpRuntimes() {
  std::set<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const char* runtime : {"libgomp", "libiomp5", "libomp."}) {
      if (absl::StartsWith(name, runtime)) found.insert(path);
    }
  }
  return found;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> RequiredEnvironment(int threads) {
  const std::string count = absl::StrCat(threads);
  return {{"OMP_NUM_THREADS", count}, {"MKL_NUM_THREADS", count}, {"MKL_CBWR", "AUTO"}};
}

void BoundProductCaches() {
  constexpr const char* kShapes = "64";
  setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", kShapes, /*overwrite=*/0);
  setenv("LRU_CACHE_CAPACITY", kShapes, /*overwrite=*/0);
}

absl::Status SetUpThreads(int threads) {
  for (const auto& [name, value] : RequiredEnvironment(threads)) {
    const char* found = std::getenv(name.c_str());
    if (found == nullptr || value != found) {
      return Refuse(absl::StrCat(name, " is ", found == nullptr ? "not set" : found,
                                 ", and this job needs ", value,
                                 "; it must be in the environment when the trainer starts."));
    }
  }
  const std::set<std::string> runtimes = OpenMpRuntimes();
  if (runtimes.size() > 1) {
    return Refuse(absl::StrCat("Two OpenMP runtimes are loaded (", absl::StrJoin(runtimes, ", "),
                               "). Build against the libgomp that libtorch brings."));
  }
  // torch lets it be set once a process, and one may run several attempts.
  if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);
  // Pool threads inherit it, since the pool starts after this.
  at::globalContext().setFlushDenormal(true);
  mallopt(M_ARENA_MAX, 2);
  UseTensorMemory();
  return absl::OkStatus();
}

ComputeAlone::ComputeAlone() : threads_(at::get_num_threads()) { at::set_num_threads(1); }
ComputeAlone::~ComputeAlone() { at::set_num_threads(threads_); }

}  // namespace attune
