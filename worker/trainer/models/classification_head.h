// SPDX-License-Identifier: Apache-2.0
// What turns a sequence's vector into logits; of its first token by family, of the mean of its
// tokens in all of them alike:
//
//   bert        Out(Dropout(tanh(Dense(x))))
//   roberta     Out(Dropout(tanh(Dense(Dropout(x)))))
//   distilbert  Out(Dropout(relu(Dense(x))))
//   mean        Out(Dropout(x))
//
// Used by the compute thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "formats/weights/hf_config.h"
#include "worker/trainer/models/adapted_linear.h"
#include "worker/trainer/models/forward_mode.h"

namespace attune {

struct HeadActivations {
  at::Tensor input, hidden;  // of Dense, after the activation; without a Dense undefined
  at::Tensor dropped;        // of Out
};

class ClassificationHead {
 public:
  // Without weights; WeightLoader fills them.
  ClassificationHead(const EncoderConfig& config, Pooling pooling);
  ClassificationHead(const ClassificationHead&) = delete;
  ClassificationHead& operator=(const ClassificationHead&) = delete;

  // rows [capacity of sequences, hidden]: logits [sequences, classes]. Fills `activations` where it
  // is not null.
  at::Tensor Forward(const at::Tensor& rows, int64_t sequences, const ForwardMode& mode,
                     HeadActivations* activations) const;

  // Adds to the gradients of what is trained. Returns that of `rows`; undefined where it is not
  // wanted.
  at::Tensor Backward(int64_t sequences, const ForwardMode& mode,
                      const HeadActivations& activations, const at::Tensor& dlogits, bool want_dx);

  // Dense, if there is one, and Out.
  std::vector<AdaptedLinear*> linears();
  // Those of them that are the head's alone: BERT's Dense is its pooler, which is of the base,
  // unless the base has none and it began as noise.
  std::vector<AdaptedLinear*> own_linears();
  // Whether Dense began as noise, because the base has none.
  bool new_dense() const { return new_dense_; }

 private:
  at::Tensor DenseBackward(int64_t sequences, const ForwardMode& mode,
                           const HeadActivations& activations, const at::Tensor& dhidden,
                           bool want_dx);

  at::Tensor HiddenOf(const at::Tensor& rows, const ForwardMode& mode,
                      HeadActivations* activations) const;

  enum class Activation { kTanh, kRelu };
  const Pooling pooling_;  // kMean: no Dense
  const bool dense_is_pooler_;
  Activation activation_;
  bool drops_input_;
  bool new_dense_ = false;
  AdaptedLinear dense_, out_;

  friend class WeightLoader;
};

}  // namespace attune
