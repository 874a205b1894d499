// SPDX-License-Identifier: Apache-2.0
// The process-wide settings that speed and exactness rest on. Some must be in the environment
// before libtorch is loaded; whoever starts the trainer sets these:
//
//   OMP_NUM_THREADS, MKL_NUM_THREADS   the thread count of the job's spec
//   MKL_CBWR=AUTO                      MKL keeps to one code path (recorded in checkpoints)
//   OMP_WAIT_POLICY=PASSIVE            when it shares its cores with others (a matter of speed
//   only)
//
// `attune-trainer --spec` sets what is missing and executes itself once more.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace attune {

// Name and value of those that decide results, for a thread count.
std::vector<std::pair<std::string, std::string>> RequiredEnvironment(int threads);

// oneDNN keeps machine code for every shape of a product, and so does libtorch's layer above it:
// 160 KB a shape, a dozen shapes for each number of rows that a batch has, 1024 of them if they are
// let. With 64 a job's memory does not grow with its steps, for a hundredth more time of the CPU. A
// number that the environment names counts instead. Call it in main, before a second thread or a
// product exists.
void BoundProductCaches();

// On the compute thread, before anything is computed: one interop thread, subnormals flushed on
// every compute thread, large tensors in a range of their own (tensor_memory.h).
// FAILED_PRECONDITION/TRAINER_REFUSED: the environment differs from RequiredEnvironment, or two
// OpenMP runtimes are mapped.
absl::Status SetUpThreads(int threads);

// While it lives, the compute thread works alone: for steps so small that waking others costs more
// than they bring, and many times more where they share their cores with somebody. Used by the
// compute thread.
class ComputeAlone {
 public:
  ComputeAlone();
  ~ComputeAlone();
  ComputeAlone(const ComputeAlone&) = delete;
  ComputeAlone& operator=(const ComputeAlone&) = delete;

 private:
  const int threads_;
};

}  // namespace attune
