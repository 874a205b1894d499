// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/tensor_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "c10/core/Allocator.h"
#include "c10/core/CPUAllocator.h"
#include "worker/trainer/device/first_fit.h"

namespace attune {
namespace {

constexpr size_t kReserved = size_t{1} << 40;  // more than machines have
constexpr size_t kGrowth = size_t{4} << 20;    // that becomes usable at a time

// Addresses that nothing is behind yet.
struct Range {
  char* begin = nullptr;
  size_t bytes = 0;
};

// Half of the most that can be mapped, so that malloc and the libraries have the other half.
Range Reserve() {
  for (size_t bytes = 2 * kReserved; bytes > kGrowth; bytes /= 2) {
    void* const all = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) continue;
    auto* const begin = static_cast<char*>(all);
    munmap(begin + bytes / 2, bytes / 2);
    return {begin, bytes / 2};
  }
  return {};
}

class TensorMemory final : public c10::Allocator {
 public:
  // Never destroyed: tensors in static variables outlive main.
  static TensorMemory& Get() {
    static TensorMemory& memory = *new TensorMemory(Reserve());
    return memory;
  }

  c10::DataPtr allocate(size_t bytes) override {
    void* block = bytes < kSmallestLargeTensor ? nullptr : Take(bytes);
    if (block == nullptr) block = torchs_.raw_allocate(bytes);
    return {block, block, &Free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  bool Holds(const void* address) const {
    return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(range_.begin) <
           range_.bytes;
  }

 private:
  explicit TensorMemory(Range range) : range_(range), blocks_(range.bytes) {}

  static void Free(void* block) {
    TensorMemory& memory = Get();
    if (!memory.Holds(block)) return memory.torchs_.raw_deallocate(block);
    absl::MutexLock lock(&memory.mutex_);
    memory.blocks_.Give(static_cast<size_t>(static_cast<char*>(block) - memory.range_.begin));
  }

  // Null: the range is full, or the system gives no more.
  void* Take(size_t bytes) {
    absl::MutexLock lock(&mutex_);
    const std::optional<size_t> offset = blocks_.Take(bytes);
    if (!offset.has_value()) return nullptr;
    if (!MakeUsable(*offset + bytes)) {
      blocks_.Give(*offset);
      return nullptr;
    }
    return range_.begin + *offset;
  }

  // The first `bytes` of the range. The system counts them as it counts what malloc asks for.
  bool MakeUsable(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (bytes <= usable_) return true;
    const size_t wanted = std::min(range_.bytes, (bytes + kGrowth - 1) / kGrowth * kGrowth);
    char* const from = range_.begin + usable_;
    if (mprotect(from, wanted - usable_, PROT_READ | PROT_WRITE) != 0) return false;
    usable_ = wanted;
    return true;
  }

  const Range range_;
  c10::Allocator& torchs_ = *c10::GetDefaultCPUAllocator();

  absl::Mutex mutex_;
  FirstFit blocks_ ABSL_GUARDED_BY(mutex_);
  size_t usable_ ABSL_GUARDED_BY(mutex_) = 0;
};

std::atomic<bool> in_use = false;

}  // namespace

void UseTensorMemory() {
  if (!in_use.exchange(true)) c10::SetCPUAllocator(&TensorMemory::Get());
}

bool InTensorMemory(const void* address) { return in_use && TensorMemory::Get().Holds(address); }

}  // namespace attune
