// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/device/matmul.h"

#include <cpuid.h>

#include <cstring>
#include <optional>
#include <string>

#include "ATen/core/List.h"
#include "ATen/core/dispatch/Dispatcher.h"
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

at::Tensor OneDnnMatmul(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  static const auto linear = OneDnnLinear()->typed<LinearPointwise>();
  const auto bias_or_none = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  return linear.call(x, w, bias_or_none, "none", c10::List<std::optional<at::Scalar>>(), "");
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

at::Tensor MatmulNT(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  return MatmulNT(ChosenMatmulBackend(), x, w, bias);
}

at::Tensor MatmulNT(MatmulBackend backend, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& bias) {
  if (backend == MatmulBackend::kOneDnn) return OneDnnMatmul(x, w, bias);
  return bias.defined() ? at::addmm(bias, x, w.t()) : at::mm(x, w.t());
}

}  // namespace attune
