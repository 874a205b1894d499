// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/optimizer/adamw.h"

#include <algorithm>
#include <cmath>

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

using simd::kLanes;
using simd::LoadSome;
using simd::StoreSome;
using simd::Vec;

constexpr int64_t kChunk = 32768;  // elements a task works on

// Elements [begin, end) of a parameter; of a sparse one, whole rows.
struct Chunk {
  Parameter* parameter;
  int64_t begin, end;
  double learning_rate;
};

void AppendChunks(const Chunk& range, std::vector<Chunk>& chunks) {
  const Parameter& p = *range.parameter;
  const int64_t unit = p.sparse_rows ? p.value.size(1) : 1;
  const int64_t length = std::max<int64_t>(1, kChunk / unit) * unit;
  for (int64_t begin = range.begin; begin < range.end; begin += length) {
    chunks.push_back(
        {range.parameter, begin, std::min(begin + length, range.end), range.learning_rate});
  }
}

ATTUNE_SIMD double SumOfSquares(const float* x, int64_t n) {
  double total = 0;
  constexpr int64_t kBlock = 4096;  // short enough for a float sum
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    Vec sum = {};
    for (int64_t i = begin; i < end; i += kLanes) {
      const Vec v = LoadSome(x + i, end - i);
      sum += v * v;
    }
    total += simd::Sum(sum);
  }
  return total;
}

double SumOfSquares(const Chunk& chunk) {
  const float* grad = chunk.parameter->grad.const_data_ptr<float>();
  if (!chunk.parameter->sparse_rows)
    return SumOfSquares(grad + chunk.begin, chunk.end - chunk.begin);
  const int64_t width = chunk.parameter->grad.size(1);
  double total = 0;
  for (int64_t at = chunk.begin; at < chunk.end; at += width) {
    if (chunk.parameter->touched[static_cast<size_t>(at / width)] != 0) {
      total += SumOfSquares(grad + at, width);
    }
  }
  return total;
}

struct Coefficients {
  float grad_scale, decay, one_minus_beta1, beta2, one_minus_beta2;
  float step_size, inverse_root_correction2, epsilon;
};

struct Moments {
  float *value, *first, *second;
  const float* grad;
};

ATTUNE_INLINE Vec SquareRoot(Vec v) {
  for (int i = 0; i < kLanes; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}

ATTUNE_SIMD void Update(const Coefficients& c, const Moments& m, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += kLanes) {
    const int64_t left = end - i;
    const Vec grad = LoadSome(m.grad + i, left) * c.grad_scale;
    Vec first = LoadSome(m.first + i, left);
    first += (grad - first) * c.one_minus_beta1;
    const Vec second = LoadSome(m.second + i, left) * c.beta2 + grad * grad * c.one_minus_beta2;
    const Vec denominator = SquareRoot(second) * c.inverse_root_correction2 + c.epsilon;
    const Vec value = LoadSome(m.value + i, left) * c.decay - first / denominator * c.step_size;
    StoreSome(m.value + i, value, left);
    StoreSome(m.first + i, first, left);
    StoreSome(m.second + i, second, left);
  }
}

void UpdateChunk(const Coefficients& c, const Chunk& chunk) {
  Parameter& p = *chunk.parameter;
  const Moments m{p.value.mutable_data_ptr<float>(), p.first_moment.mutable_data_ptr<float>(),
                  p.second_moment.mutable_data_ptr<float>(), p.grad.const_data_ptr<float>()};
  if (!p.sparse_rows) return Update(c, m, chunk.begin, chunk.end);
  const int64_t width = p.value.size(1);
  for (int64_t at = chunk.begin; at < chunk.end; at += width) {
    if (c.decay != 1.0f || p.active[static_cast<size_t>(at / width)] != 0) {
      Update(c, m, at, at + width);
    }
  }
}

}  // namespace

double GradNorm(const std::vector<Parameter*>& parameters) {
  std::vector<Chunk> chunks;
  for (Parameter* p : parameters) {
    if (p->grad.defined()) AppendChunks({p, 0, p->value.numel(), 0}, chunks);
  }
  std::vector<double> sums(chunks.size());
  ParallelForInterleaved(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
    sums[static_cast<size_t>(i)] = SumOfSquares(chunks[static_cast<size_t>(i)]);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

void AdamWStep(const AdamWOptions& options, const std::vector<Parameter*>& parameters, int64_t step,
               const PartRates& rates, double grad_scale) {
  const double correction1 = 1 - std::pow(options.beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(options.beta2, static_cast<double>(step));
  const Coefficients c{.grad_scale = static_cast<float>(grad_scale),
                       .decay = 1.0f,
                       .one_minus_beta1 = static_cast<float>(1 - options.beta1),
                       .beta2 = static_cast<float>(options.beta2),
                       .one_minus_beta2 = static_cast<float>(1 - options.beta2),
                       .step_size = 0,
                       .inverse_root_correction2 = static_cast<float>(1 / std::sqrt(correction2)),
                       .epsilon = static_cast<float>(options.epsilon)};
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Parameter* p = parameters[i];
    if (!p->grad.defined()) continue;
    const int64_t width = p->value.numel() / p->value.size(0);
    for (size_t j = 0; j < p->parts.size(); ++j) {
      const int64_t begin = p->parts[j].row_begin * width;
      AppendChunks({p, begin, begin + p->parts[j].rows * width, rates[i][j]}, chunks);
    }
  }
  ParallelForInterleaved(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
    const Chunk& chunk = chunks[static_cast<size_t>(i)];
    const double rate = chunk.learning_rate;
    Coefficients own = c;
    own.step_size = static_cast<float>(rate / correction1);
    if (chunk.parameter->decays) own.decay = static_cast<float>(1 - rate * options.weight_decay);
    UpdateChunk(own, chunk);
  });
}

}  // namespace attune
