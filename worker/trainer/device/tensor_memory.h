// SPDX-License-Identifier: Apache-2.0
// Where large tensors lie. malloc scatters them: the batches of an epoch differ in length, so the
// holes that one step leaves between small long-lived blocks do not fit the next step's tensors,
// and the process grows from step to step by an amount that nobody can foretell. Here they lie in
// one range of addresses, each at the lowest place that is free (first_fit.h). Weights and moments
// come first and stay at the bottom; what a step allocates is gone when it ends, so that every step
// finds one free stretch, and the peak is what the largest step needs.
//
// The range is reserved once and its pages become memory when they are first touched, from the
// bottom up. None is given back: the next step would have to fault it in again.
#pragma once

#include <cstddef>

namespace attune {

// Smaller tensors are left to torch's own allocator.
inline constexpr size_t kSmallestLargeTensor = size_t{64} << 10;

// Makes torch and oneDNN take large blocks from the range for the rest of the process; calling it
// again changes nothing. When the range is full or the system refuses more, torch's own allocator
// is asked, and its error is what the caller sees. Under RLIMIT_AS the range takes half of the
// addresses that are left, at most. Blocks may be freed on any thread.
void UseTensorMemory();

// Whether the address lies in the range. False before UseTensorMemory().
bool InTensorMemory(const void* address);

}  // namespace attune
