// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/classification_head.h"

#include "ATen/ops/mm.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/tanh.h"
#include "ATen/ops/tanh_backward.h"
#include "ATen/ops/threshold_backward.h"
#include "worker/trainer/device/rows.h"
#include "worker/trainer/layers/mask.h"

namespace attune {
namespace {

Dropout InputDropout(const ForwardMode& mode) {
  return DropoutAt(mode.key, kHeadInputSite, mode.rates.classifier);
}

Dropout HiddenDropout(const ForwardMode& mode) {
  return DropoutAt(mode.key, kClassifierSite, mode.rates.classifier);
}

}  // namespace

ClassificationHead::ClassificationHead(const EncoderConfig& config, Pooling pooling)
    : pooling_(pooling),
      dense_is_pooler_(config.model_type == "bert"),
      activation_(config.model_type == "distilbert" ? Activation::kRelu : Activation::kTanh),
      drops_input_(config.model_type == "roberta") {
  dense_.first_site = kHeadAdapterSite;
}

std::vector<AdaptedLinear*> ClassificationHead::linears() {
  if (pooling_ == Pooling::kMean) return {&out_};
  return {&dense_, &out_};
}

std::vector<AdaptedLinear*> ClassificationHead::own_linears() {
  const bool dense_is_of_base = dense_is_pooler_ && !new_dense_;
  return dense_is_of_base ? std::vector<AdaptedLinear*>{&out_} : linears();
}

at::Tensor ClassificationHead::HiddenOf(const at::Tensor& rows, const ForwardMode& mode,
                                        HeadActivations* activations) const {
  if (pooling_ == Pooling::kMean) return rows;
  const at::Tensor input = drops_input_ ? ApplyMask(rows, InputDropout(mode)) : rows;
  const at::Tensor sum = LinearForward(dense_, dense_.whole(), input, InFp32(mode));
  const at::Tensor hidden = activation_ == Activation::kTanh ? at::tanh(sum) : at::relu(sum);
  if (activations != nullptr) *activations = {input, hidden, {}};
  return hidden;
}

at::Tensor ClassificationHead::Forward(const at::Tensor& rows, int64_t sequences,
                                       const ForwardMode& mode,
                                       HeadActivations* activations) const {
  const at::Tensor dropped = ApplyMask(HiddenOf(rows, mode, activations), HiddenDropout(mode));
  if (activations != nullptr) activations->dropped = dropped;
  return LinearForward(out_, out_.whole(), dropped, InFp32(mode)).narrow(0, 0, sequences);
}

at::Tensor ClassificationHead::Backward(int64_t sequences, const ForwardMode& mode,
                                        const HeadActivations& activations,
                                        const at::Tensor& dlogits, bool want_dx) {
  if (out_.weight.trainable) {
    AccumulateGrad(out_.weight, at::mm(dlogits.t(), activations.dropped.narrow(0, 0, sequences)));
    AccumulateGrad(out_.bias, dlogits.sum(0));
  }
  const bool has_dense = pooling_ == Pooling::kFirstToken;
  if (!want_dx && !(has_dense && dense_.trains())) return {};
  const at::Tensor dhidden = ApplyMask(at::mm(dlogits, out_.weight.value), HiddenDropout(mode));
  if (!has_dense) return dhidden;
  return DenseBackward(sequences, mode, activations, dhidden, want_dx);
}

at::Tensor ClassificationHead::DenseBackward(int64_t sequences, const ForwardMode& mode,
                                             const HeadActivations& activations,
                                             const at::Tensor& dhidden, bool want_dx) {
  const at::Tensor hidden = activations.hidden.narrow(0, 0, sequences);
  at::Tensor dsum = EmptyRows(sequences, dhidden.size(1));
  dsum.narrow(0, 0, sequences)
      .copy_(activation_ == Activation::kTanh ? at::tanh_backward(dhidden, hidden)
                                              : at::threshold_backward(dhidden, hidden, 0));
  AccumulateWeightGrads(dense_, sequences, dsum, activations.input, InFp32(mode));
  const at::Tensor dx = LinearBackward(dense_, dense_.whole(), sequences, dsum, activations.input,
                                       InFp32(mode), want_dx);
  return drops_input_ && want_dx ? ApplyMask(dx, InputDropout(mode)) : dx;
}

}  // namespace attune
