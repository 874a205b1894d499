// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/matmul.h"

#include <cpuid.h>

#include <cstring>
#include <optional>
#include <string>

#include "ATen/Version.h"
#include "ATen/core/List.h"
#include "ATen/core/dispatch/Dispatcher.h"
#include "ATen/ops/add.h"
#include "ATen/ops/addmm.h"
#include "ATen/ops/mm.h"

namespace attune {
namespace {

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, c10::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<c10::string_view>);

// torch's only door to oneDNN's fp32 product on dense tensors.
const c10::OperatorHandle* OneDnnLinear() {
  static const std::optional<c10::OperatorHandle> handle =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return handle.has_value() ? &*handle : nullptr;
}

bool IsIntelCpu() {
  unsigned int leaf = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &leaf, &b, &c, &d) == 0) return false;
  char vendor[13] = {};
  std::memcpy(vendor, &b, 4);
  std::memcpy(vendor + 4, &d, 4);
  std::memcpy(vendor + 8, &c, 4);
  return std::string_view(vendor) == "GenuineIntel";
}

// Leaf 7: AVX512_BF16 is bit 5 of EAX in its second part, AMX-BF16 bit 22 of EDX in its first.
bool CpuHasBf16() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  const bool amx = (d >> 22 & 1) != 0;
  const bool more = a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0;
  return amx || (more && (a >> 5 & 1) != 0);
}

struct Clamp {
  float low, high;
};

at::Tensor OneDnnMatmul(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                        std::optional<Clamp> clamp = {}) {
  static const auto linear = OneDnnLinear()->typed<LinearPointwise>();
  const auto bias_or_none = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  c10::List<std::optional<at::Scalar>> bounds;
  if (clamp.has_value()) {
    bounds.push_back(at::Scalar(clamp->low));
    bounds.push_back(at::Scalar(clamp->high));
  }
  return linear.call(x, w, bias_or_none, clamp.has_value() ? "hardtanh" : "none", bounds, "");
}

}  // namespace

std::string_view MatmulBackendName(MatmulBackend backend) {
  return backend == MatmulBackend::kMkl ? "mkl" : "onednn";
}

MatmulBackend ChosenMatmulBackend() {
  static const MatmulBackend chosen =
      IsIntelCpu() || OneDnnLinear() == nullptr ? MatmulBackend::kMkl : MatmulBackend::kOneDnn;
  return chosen;
}

at::Tensor MatmulNT(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                    Precision precision) {
  if (precision == Precision::kFp32) return MatmulNT(ChosenMatmulBackend(), x, w, bias);
  const at::Tensor y = OneDnnMatmul(x.to(at::kBFloat16), w.to(at::kBFloat16), {});
  return bias.defined() ? at::add(y, bias) : y.to(at::kFloat);
}

at::Tensor MatmulNT(MatmulBackend backend, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& bias) {
  if (backend == MatmulBackend::kOneDnn) return OneDnnMatmul(x, w, bias);
  return bias.defined() ? at::addmm(bias, x, w.t()) : at::mm(x, w.t());
}

at::Tensor ClampedMatmulNT(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias,
                           float low, float high) {
  return ClampedMatmulNT(ChosenMatmulBackend(), x, w, bias, low, high);
}

at::Tensor ClampedMatmulNT(MatmulBackend backend, const at::Tensor& x, const at::Tensor& w,
                           const at::Tensor& bias, float low, float high) {
  if (backend == MatmulBackend::kOneDnn) return OneDnnMatmul(x, w, bias, Clamp{low, high});
  return MatmulNT(backend, x, w, bias).clamp_(low, high);
}

bool HasBf16() {
  // The kernels of oneDNN need AVX-512 as well, which the system may withhold.
  static const bool has =
      OneDnnLinear() != nullptr && at::get_cpu_capability() == "AVX512" && CpuHasBf16();
  return has;
}

}  // namespace attune
