// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/parameter.h"

#include <algorithm>
#include <iterator>

#include "ATen/ops/empty.h"
#include "ATen/ops/zeros_like.h"

namespace attune {
namespace {

void AllocateSparseGrad(Parameter& parameter) {
  parameter.grad = at::zeros_like(parameter.value);
  parameter.touched.assign(static_cast<size_t>(parameter.value.size(0)), 0);
}

}  // namespace

void AllocateParts(Parameter& parameter, const std::vector<std::string>& names, int64_t rows_each,
                   int64_t columns) {
  const int64_t rows = rows_each * static_cast<int64_t>(names.size());
  parameter.value =
      columns == 0 ? at::empty({rows}, at::kFloat) : at::empty({rows, columns}, at::kFloat);
  parameter.decays = columns != 0;
  for (size_t i = 0; i < names.size(); ++i) {
    parameter.parts.push_back({names[i], static_cast<int64_t>(i) * rows_each, rows_each});
  }
}

at::Tensor PartOf(const at::Tensor& whole, const ParameterPart& part) {
  return whole.narrow(0, part.row_begin, part.rows);
}

void Freeze(const std::vector<Parameter*>& parameters) {
  for (Parameter* p : parameters) p->trainable = false;
}

std::vector<Parameter*> TrainableOf(const std::vector<Parameter*>& parameters) {
  std::vector<Parameter*> trainable;
  std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(trainable),
               [](const Parameter* p) { return p->trainable; });
  return trainable;
}

void AllocateMoments(const std::vector<Parameter*>& parameters) {
  for (Parameter* p : parameters) {
    p->first_moment = at::zeros_like(p->value);
    p->second_moment = at::zeros_like(p->value);
    if (p->sparse_rows) AllocateSparseGrad(*p);
  }
}

void AccumulateGrad(Parameter& parameter, const at::Tensor& grad) {
  if (parameter.grad.defined()) {
    parameter.grad.add_(grad);
  } else {
    parameter.grad = grad;
  }
}

void TouchRows(Parameter& parameter, const std::vector<int32_t>& rows) {
  if (!parameter.grad.defined()) AllocateSparseGrad(parameter);
  for (const int32_t row : rows) {
    parameter.touched[static_cast<size_t>(row)] = 1;
    parameter.active[static_cast<size_t>(row)] = 1;
  }
}

void ClearGrads(std::vector<Parameter*> parameters) {
  for (Parameter* p : parameters) {
    if (!p->sparse_rows) {
      p->grad.reset();
      continue;
    }
    if (!p->grad.defined()) continue;
    const int64_t width = p->grad.size(1);
    float* grad = p->grad.mutable_data_ptr<float>();
    for (size_t row = 0; row < p->touched.size(); ++row) {
      if (p->touched[row] == 0) continue;
      std::fill_n(grad + static_cast<int64_t>(row) * width, width, 0.0f);
      p->touched[row] = 0;
    }
  }
}

void FindActiveRows(Parameter& parameter) {
  const int64_t rows = parameter.value.size(0), width = parameter.value.size(1);
  const float* first = parameter.first_moment.const_data_ptr<float>();
  const float* second = parameter.second_moment.const_data_ptr<float>();
  const auto non_zero = [width](const float* row) {
    return std::any_of(row, row + width, [](float x) { return x != 0; });
  };
  parameter.active.assign(static_cast<size_t>(rows), 0);
  for (int64_t row = 0; row < rows; ++row) {
    parameter.active[static_cast<size_t>(row)] =
        non_zero(first + row * width) || non_zero(second + row * width);
  }
}

}  // namespace attune
