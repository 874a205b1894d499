// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/peak_memory.h"

#include <fstream>
#include <string>

namespace attune {

int64_t PeakMemoryBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    int64_t kibibytes = 0;
    if (key == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace attune
