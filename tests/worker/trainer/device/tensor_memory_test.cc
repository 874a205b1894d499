// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/tensor_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "base/errors.h"
#include "gmock/gmock.h"
#include "worker/trainer/attempt_runner.h"
#include "worker/trainer/device/matmul.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLarge = 1 << 18;  // floats: 1 MiB

class TensorMemoryTest : public ::testing::Test {
 protected:
  TensorMemoryTest() { UseTensorMemory(); }
};

bool InRange(const at::Tensor& tensor) { return InTensorMemory(tensor.const_data_ptr()); }

TEST_F(TensorMemoryTest, HoldsLargeTensorsAndLeavesSmallOnes) {
  EXPECT_TRUE(InRange(at::empty({kLarge})));
  EXPECT_TRUE(InRange(at::zeros({kLarge}).add(1)));
  EXPECT_TRUE(InRange(at::empty({static_cast<int64_t>(kSmallestLargeTensor)}, at::kByte)));
  EXPECT_FALSE(InRange(at::empty({static_cast<int64_t>(kSmallestLargeTensor) - 1}, at::kByte)));
  EXPECT_EQ(at::empty({0}).const_data_ptr(), nullptr);
}

TEST_F(TensorMemoryTest, AlignsToLinesOfTheCache) {
  std::vector<at::Tensor> tensors;
  for (int64_t more = 0; more < 100; ++more) {
    tensors.push_back(at::empty({kLarge + more}));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(tensors.back().const_data_ptr()) % 64, 0);
  }
}

TEST_F(TensorMemoryTest, KeepsWhatIsWritten) {
  std::vector<at::Tensor> tensors;
  for (int64_t i = 0; i < 50; ++i) {
    tensors.push_back(at::full({kLarge + i}, i));
    if (i % 3 == 2) tensors[static_cast<size_t>(i) - 1].reset();
  }
  for (int64_t i = 0; i < 50; ++i) {
    const at::Tensor& tensor = tensors[static_cast<size_t>(i)];
    EXPECT_TRUE(!tensor.defined() || at::equal(tensor, at::full({kLarge + i}, i)));
  }
}

// Whatever a step allocated and in whichever order it was freed, the next one starts where it did.
TEST_F(TensorMemoryTest, EveryStepStartsAtTheSamePlace) {
  const auto step = [](int64_t rows) {
    std::vector<at::Tensor> kept;
    for (int64_t i = 1; i < 10; ++i) {
      at::Tensor temporary = at::empty({rows, 100 * i});
      kept.push_back(at::empty({rows, 1000}));
    }
    for (size_t i = 0; i < kept.size(); i += 2) kept[i].reset();
    return std::exchange(kept[1], {}).const_data_ptr();  // of a tensor that ends here
  };
  const at::Tensor weights = at::empty({kLarge});
  const void* const place = step(1000);
  for (const int64_t rows : {100, 3000, 500}) step(rows);
  EXPECT_EQ(step(1000), place);
}

TEST_F(TensorMemoryTest, FreesWhatAnotherThreadAllocated) {
  at::Tensor tensor = at::empty({kLarge});
  const void* const place = tensor.const_data_ptr();
  std::thread([moved = std::move(tensor)]() mutable { moved.reset(); }).join();
  EXPECT_EQ(at::empty({kLarge}).const_data_ptr(), place);
}

TEST_F(TensorMemoryTest, ServesThreadsAtOnce) {
  const auto work = [] {
    for (int64_t i = 0; i < 1000; ++i) {
      const at::Tensor tensor =
          at::empty({static_cast<int64_t>(kSmallestLargeTensor) + i}, at::kByte);
      auto* bytes = static_cast<uint8_t*>(tensor.mutable_data_ptr());
      bytes[0] = bytes[tensor.numel() - 1] = static_cast<uint8_t>(i);
      ASSERT_EQ(bytes[0], bytes[tensor.numel() - 1]);
    }
  };
  std::thread other(work);
  work();
  other.join();
}

TEST_F(TensorMemoryTest, ServesTheLibraryOfMatrixProducts) {
  const at::Tensor x = at::randn({64, 384}), w = at::randn({1536, 384});
  const at::Tensor y = MatmulNT(x, w);
  EXPECT_TRUE(InRange(y));
  EXPECT_TRUE(at::allclose(y, at::matmul(x, w.t()), 1e-4, 1e-4));
}

TEST_F(TensorMemoryTest, MoreThanThereIsFailsAsOutOfMemory) {
  const TrainerEvent event = EventOf([]() -> absl::StatusOr<TrainerEvent> {
    const at::Tensor tensor = at::empty({int64_t{1} << 50});
    return absl::InternalError("it was given");
  });
  const auto* failed = std::get_if<FailedFrame>(&event);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->reason, "OUT_OF_MEMORY");
  EXPECT_TRUE(InRange(at::empty({kLarge})));  // and the next tensor is served
}

int64_t MappedBytes() {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

// In a process that may map 1 GiB more: how many MiB of tensors it gets, as the last line it says.
void AllocateAllThatALimitAllows() {
  constexpr int64_t kMore = int64_t{1} << 30;
  const auto limit = static_cast<rlim_t>(MappedBytes() + kMore);
  const rlimit addresses = {limit, limit};
  if (setrlimit(RLIMIT_AS, &addresses) != 0) std::_Exit(2);
  UseTensorMemory();
  std::vector<at::Tensor> tensors;
  bool in_range = false, outside = false;
  const TrainerEvent event = EventOf([&]() -> absl::StatusOr<TrainerEvent> {
    while (true) {
      tensors.push_back(at::empty({16 * kLarge}));
      (InRange(tensors.back()) ? in_range : outside) = true;
    }
  });
  const auto* failed = std::get_if<FailedFrame>(&event);
  const bool most = tensors.size() * 16 > 900;
  const bool as_expected =
      failed != nullptr && failed->reason == "OUT_OF_MEMORY" && in_range && outside && most;
  std::_Exit(as_expected ? 0 : 1);
}

TEST(TensorMemoryDeathTest, UnderALimitOfAddressesTorchsAllocatorHasTheOtherHalf) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(AllocateAllThatALimitAllows(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace attune
