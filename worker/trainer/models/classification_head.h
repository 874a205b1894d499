// SPDX-License-Identifier: Apache-2.0
// What turns a sequence's first token into logits, by family:
//
//   bert        Out(Dropout(tanh(Dense(x))))
//   roberta     Out(Dropout(tanh(Dense(Dropout(x)))))
//   distilbert  Out(Dropout(relu(Dense(x))))
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
  at::Tensor input, hidden, dropped;  // of Dense, after the activation, of Out
};

class ClassificationHead {
 public:
  // Without weights; WeightLoader fills them.
  explicit ClassificationHead(const EncoderConfig& config);
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

  AdaptedLinear& dense() { return dense_; }
  AdaptedLinear& out() { return out_; }
  // Whether Dense began as noise, because the base has none.
  bool new_dense() const { return new_dense_; }

 private:
  at::Tensor DenseBackward(int64_t sequences, const ForwardMode& mode,
                           const HeadActivations& activations, const at::Tensor& dhidden,
                           bool want_dx);

  enum class Activation { kTanh, kRelu };
  Activation activation_;
  bool drops_input_;
  bool new_dense_ = false;
  AdaptedLinear dense_, out_;

  friend class WeightLoader;
};

}  // namespace attune
