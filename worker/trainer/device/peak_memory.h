// SPDX-License-Identifier: Apache-2.0
// The most memory that this process has held at once.
#pragma once

#include <cstdint>

namespace attune {

// Bytes resident at the peak, as the kernel counts them (VmHWM); 0 where it does not say.
int64_t PeakMemoryBytes();

}  // namespace attune
