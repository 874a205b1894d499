// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/embedding.h"

#include <algorithm>

#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"

namespace attune {
namespace {

constexpr int64_t kRowGrain = 32;

ATTUNE_SIMD void AddRow(const float* from, float* to, int64_t width, float factor = 1) {
  for (int64_t i = 0; i < width; i += simd::kLanes) {
    const int64_t left = width - i;
    const simd::Vec sum = simd::LoadSome(to + i, left) + simd::LoadSome(from + i, left) * factor;
    simd::StoreSome(to + i, sum, left);
  }
}

}  // namespace

at::Tensor EmbeddingSum(int64_t rows, const std::vector<EmbeddingTable>& tables) {
  const int64_t width = tables.front().table.size(1);
  at::Tensor sum = EmptyRows(rows, width);
  float* out = sum.mutable_data_ptr<float>();
  ParallelFor(0, rows, kRowGrain, [&](int64_t begin, int64_t end) {
    std::fill(out + begin * width, out + end * width, 0.0f);
    for (const EmbeddingTable& t : tables) {
      const float* table = t.table.const_data_ptr<float>();
      for (int64_t i = begin; i < end; ++i) {
        const int32_t id = (*t.ids)[static_cast<size_t>(i)];
        if (id >= 0) AddRow(table + id * width, out + i * width, width, t.factor);
      }
    }
  });
  return sum;
}

void EmbeddingBackward(const at::Tensor& dy, const std::vector<int32_t>& ids, at::Tensor& grad,
                       float factor) {
  const int64_t width = dy.size(1);
  std::vector<int64_t> order;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0) order.push_back(static_cast<int64_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return ids[static_cast<size_t>(a)] < ids[static_cast<size_t>(b)];
  });
  const auto id_at = [&](int64_t i) {
    return ids[static_cast<size_t>(order[static_cast<size_t>(i)])];
  };
  const auto count = static_cast<int64_t>(order.size());
  const float* from = dy.const_data_ptr<float>();
  float* to = grad.mutable_data_ptr<float>();
  // Every thread takes the ids that begin in its range, so each id has one adder.
  ParallelFor(0, count, kRowGrain, [&](int64_t begin, int64_t end) {
    while (begin > 0 && begin < end && id_at(begin) == id_at(begin - 1)) ++begin;
    if (begin == end) return;
    while (end < count && id_at(end) == id_at(end - 1)) ++end;
    for (int64_t i = begin; i < end; ++i) {
      AddRow(from + order[static_cast<size_t>(i)] * width, to + id_at(i) * width, width, factor);
    }
  });
}

at::Tensor GatherRows(const at::Tensor& x, const std::vector<int64_t>& rows) {
  const int64_t width = x.size(1);
  at::Tensor result = EmptyRows(static_cast<int64_t>(rows.size()), width);
  const float* from = x.const_data_ptr<float>();
  float* to = result.mutable_data_ptr<float>();
  for (const int64_t row : rows) {
    std::copy_n(from + row * width, width, to);
    to += width;
  }
  return result;
}

void AddToRows(const at::Tensor& y, const std::vector<int64_t>& rows, at::Tensor& x) {
  const int64_t width = x.size(1);
  const float* from = y.const_data_ptr<float>();
  float* to = x.mutable_data_ptr<float>();
  for (const int64_t row : rows) {
    AddRow(from, to + row * width, width);
    from += width;
  }
}

}  // namespace attune
