// SPDX-License-Identifier: Apache-2.0
// Parallel loops on torch's own thread pool. The only file of ours that is compiled with -fopenmp,
// which at::parallel_for needs: it is a template, and serial without it.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace attune {

// Calls body(begin, end) over disjoint ranges that cover [begin, end), each but the last at least
// `grain` long, at most one a thread; returns when all are done. How the range is cut depends on
// the thread count alone. Must not be nested. Called by the compute thread only.
void ParallelFor(int64_t begin, int64_t end, int64_t grain,
                 absl::FunctionRef<void(int64_t, int64_t)> body);

// Calls body(i) for i in [0, count), neighbours on different threads: for work whose cost varies
// along the range.
void ParallelForInterleaved(int64_t count, absl::FunctionRef<void(int64_t)> body);

}  // namespace attune
