// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/layers/vocabulary_loss.h"

#include <algorithm>
#include <cmath>

#include "worker/trainer/device/matmul.h"
#include "worker/trainer/device/parallel.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/device/simd.h"
#include "worker/trainer/layers/linear.h"
#include "worker/trainer/layers/row_softmax.h"

namespace attune {
namespace {

using simd::kLanes;
using simd::LoadSome;
using simd::StoreSome;

constexpr int64_t kChunkRows = 256;  // of logits that exist at a time

struct LossArgs {
  float* logits;  // [rows, vocabulary]; become their gradient where it is wanted
  const int32_t* labels;
  TokenLoss* losses;
  int64_t vocabulary;
  double smoothing;
  bool wants_grad;
};

// From exponentials to the slope of the loss: p[v] − smoothing / V, and one less at the label.
ATTUNE_INLINE void Slopes(const LossArgs& a, float* row, int32_t label, double sum) {
  const auto factor = static_cast<float>(1 / sum);
  const auto spread = static_cast<float>(a.smoothing / static_cast<double>(a.vocabulary));
  for (int64_t i = 0; i < a.vocabulary; i += kLanes) {
    const int64_t left = a.vocabulary - i;
    StoreSome(row + i, LoadSome(row + i, left) * factor - spread, left);
  }
  row[label] -= static_cast<float>(1 - a.smoothing);
}

ATTUNE_INLINE void LossOfRow(const LossArgs& a, int64_t i) {
  float* row = a.logits + i * a.vocabulary;
  const int32_t label = a.labels[i];
  const float top = HighestOf(row, a.vocabulary), own = row[label];
  const double mean =
      a.smoothing > 0 ? SumOf(row, a.vocabulary) / static_cast<double>(a.vocabulary) : 0;
  const double sum = SumOfExponentials(row, a.vocabulary, top, a.wants_grad ? row : nullptr);
  const double log_sum_exp = top + std::log(sum);
  TokenLoss& loss = a.losses[i];
  loss.plain = log_sum_exp - own;
  loss.loss = (1 - a.smoothing) * loss.plain;
  if (a.smoothing > 0) loss.loss += a.smoothing * (log_sum_exp - mean);
  loss.correct = own >= top;
  if (a.wants_grad) Slopes(a, row, label, sum);
}

ATTUNE_SIMD void LossOfRows(const LossArgs& a, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) LossOfRow(a, i);
}

// Room for what is wanted of hidden and labels.
void Prepare(const at::Tensor& hidden, int64_t rows, VocabularyGrad& grad) {
  grad.hidden = EmptyRows(rows, hidden.size(1));
  grad.table.reset();
  grad.bias.reset();
}

void AddWeightGrads(int64_t rows, const at::Tensor& dlogits, const at::Tensor& hidden,
                    VocabularyGrad& grad) {
  const LinearGrad chunk = LinearBackwardWeights(rows, dlogits, hidden);
  if (!grad.table.defined()) {
    grad.table = chunk.w;
    grad.bias = chunk.b;
    return;
  }
  grad.table.add_(chunk.w);
  grad.bias.add_(chunk.b);
}

}  // namespace

std::vector<TokenLoss> VocabularyLoss(const at::Tensor& hidden, const std::vector<int32_t>& labels,
                                      const VocabularyWeights& weights, double smoothing,
                                      bool wants_weights, VocabularyGrad* grad) {
  const auto rows = static_cast<int64_t>(labels.size());
  std::vector<TokenLoss> losses(labels.size());
  if (grad != nullptr) Prepare(hidden, rows, *grad);
  for (int64_t begin = 0; begin < rows; begin += kChunkRows) {
    const int64_t count = std::min(kChunkRows, rows - begin), capacity = RowCapacity(count);
    const at::Tensor chunk = hidden.narrow(0, begin, capacity);
    at::Tensor logits = MatmulNT(chunk, weights.table, weights.bias);
    const LossArgs args{.logits = logits.mutable_data_ptr<float>(),
                        .labels = labels.data() + begin,
                        .losses = losses.data() + begin,
                        .vocabulary = logits.size(1),
                        .smoothing = smoothing,
                        .wants_grad = grad != nullptr};
    ParallelFor(0, count, 1, [&](int64_t b, int64_t e) { LossOfRows(args, b, e); });
    if (grad == nullptr) continue;
    logits.narrow(0, count, capacity - count).zero_();
    grad->hidden.narrow(0, begin, capacity).copy_(LinearBackwardInput(logits, weights.table));
    if (wants_weights) AddWeightGrads(count, logits, chunk, *grad);
  }
  return losses;
}

}  // namespace attune
