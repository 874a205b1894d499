// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/self_test.h"

#include <time.h>

#include <algorithm>

#include "ATen/Parallel.h"
#include "ATen/ops/ones.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "worker/trainer/device/matmul.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/simd.h"
#include "worker/trainer/device/threads.h"

namespace attune {
namespace {

constexpr int64_t kSize = 768;
constexpr int kTries = 4;
constexpr int64_t kRounds = 200'000;
constexpr int kChains = 12;  // independent sums, so that latency does not count

ATTUNE_SIMD float MultiplyAdds(int64_t rounds) {
  simd::Vec sum[kChains] = {};
  const simd::Vec a = simd::Splat(0.999f), b = simd::Splat(0.001f);
  for (int64_t i = 0; i < rounds; ++i) {
    for (int c = 0; c < kChains; ++c) sum[c] = sum[c] * a + b;
  }
  simd::Vec total = {};
  for (int c = 0; c < kChains; ++c) total += sum[c];
  return simd::Sum(total);
}

template <typename Work>
double BestSeconds(int tries, Work work) {
  double best = 1e9;
  for (int i = 0; i < tries; ++i) {
    const absl::Time start = absl::Now();
    work();
    best = std::min(best, absl::ToDoubleSeconds(absl::Now() - start));
  }
  return best;
}

double PeakGflops() {
  const int64_t threads = at::get_num_threads();
  const double seconds = BestSeconds(kTries, [&] {
    ParallelFor(0, threads, 1, [](int64_t, int64_t) {
      volatile float sink = MultiplyAdds(kRounds);
      static_cast<void>(sink);
    });
  });
  return 2.0 * kRounds * kChains * simd::kLanes * static_cast<double>(threads) / seconds / 1e9;
}

double MatmulGflops(MatmulBackend backend) {
  const at::Tensor x = at::ones({kSize, kSize}), w = at::ones({kSize, kSize});
  const double seconds = BestSeconds(kTries, [&] { MatmulNT(backend, x, w, {}); });
  return 2.0 * kSize * kSize * kSize / seconds / 1e9;
}

constexpr int64_t kTokens = 1024, kWidth = 384, kInner = 1536;
constexpr int kBf16Tries = 10;

double CpuSeconds(clockid_t whose) {
  timespec t{};
  clock_gettime(whose, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

}  // namespace

SelfTest RunSelfTest(double* cpu_share) {
  const double cpu = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
  const absl::Time start = absl::Now();
  SelfTest result;
  result.peak_gflops = PeakGflops();
  const MatmulBackend chosen = ChosenMatmulBackend();
  result.matmul_gflops = MatmulGflops(chosen);
  *cpu_share = (CpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) /
               absl::ToDoubleSeconds(absl::Now() - start) / at::get_num_threads();
  if (chosen == MatmulBackend::kOneDnn) result.other_gflops = MatmulGflops(MatmulBackend::kMkl);
  return result;
}

Bf16Ability MeasureBf16() {
  Bf16Ability ability{.instructions = HasBf16()};
  if (!ability.instructions) return ability;
  const at::Tensor x = at::ones({kTokens, kWidth}), w = at::ones({kInner, kWidth});
  // By the CPU time of one thread, which others that share the cores hardly change.
  const ComputeAlone alone;
  double seconds[] = {1e9, 1e9};
  for (int i = 0; i < kBf16Tries; ++i) {
    for (const Precision p : {Precision::kFp32, Precision::kBf16}) {
      const double start = CpuSeconds(CLOCK_THREAD_CPUTIME_ID);
      MatmulNT(x, w, {}, p);
      double& best = seconds[static_cast<size_t>(p)];
      best = std::min(best, CpuSeconds(CLOCK_THREAD_CPUTIME_ID) - start);
    }
  }
  ability.speedup = seconds[0] / seconds[1];
  return ability;
}

std::string SelfTestWarning(const SelfTest& result, double cpu_share) {
  if (result.share() >= 0.6) return "";
  const char* cause =
      cpu_share < 0.9
          ? "other processes use these cores; give the worker fewer threads or a machine of its own"
          : "the library's code for this CPU is slow";
  if (cpu_share >= 0.9 && result.other_gflops > 1.2 * result.matmul_gflops) {
    cause = "the other library in this libtorch is faster on this CPU";
  }
  return absl::StrFormat(
      "Matrix products run at %.0f GFLOP/s (%s), %.0f %% of the %.0f GFLOP/s that the cores can "
      "do: "
      "%s.",
      result.matmul_gflops, MatmulBackendName(ChosenMatmulBackend()), 100 * result.share(),
      result.peak_gflops, cause);
}

}  // namespace attune
