// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/parallel.h"

#include "ATen/Parallel.h"

namespace attune {

void ParallelFor(int64_t begin, int64_t end, int64_t grain,
                 absl::FunctionRef<void(int64_t, int64_t)> body) {
  at::parallel_for(begin, end, grain, [&](int64_t from, int64_t to) { body(from, to); });
}

void ParallelForInterleaved(int64_t count, absl::FunctionRef<void(int64_t)> body) {
  const int64_t strides = at::get_num_threads();
  ParallelFor(0, strides, 1, [&](int64_t begin, int64_t end) {
    for (int64_t stride = begin; stride < end; ++stride) {
      for (int64_t i = stride; i < count; i += strides) body(i);
    }
  });
}

}  // namespace attune
