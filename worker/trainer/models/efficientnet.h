// SPDX-License-Identifier: Apache-2.0
// EfficientNet-Lite as formats/weights/efficientnet_plan.h describes it. Used by the compute thread
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/weights/efficientnet_plan.h"
#include "worker/trainer/models/conv_norm.h"
#include "worker/trainer/models/image_classifier.h"

namespace attune {

class EfficientNet : public ImageClassifier {
 public:
  static absl::StatusOr<std::unique_ptr<ImageClassifier>> Load(const ImageModelFolder& folder,
                                                               int64_t classes, uint64_t seed);
  // Of any plan; values are uninitialised.
  EfficientNet(const EfficientNetPlan& plan, int64_t classes);
  EfficientNet(const EfficientNet&) = delete;
  EfficientNet& operator=(const EfficientNet&) = delete;

  int64_t depth() const override { return static_cast<int64_t>(stages_.size()) - 2; }
  int64_t WidthAt(int64_t depth, int64_t size) const override;

  at::Tensor RowsAt(int64_t depth, const at::Tensor& images) const override;
  at::Tensor ForwardFrom(int64_t depth, const at::Tensor& rows, int64_t size,
                         const ImageForwardMode& mode,
                         std::unique_ptr<ImageActivations>* activations) override;
  at::Tensor Forward(const at::Tensor& images, const ImageForwardMode& mode,
                     std::unique_ptr<ImageActivations>* activations) override;
  void Backward(const ImageForwardMode& mode, const ImageActivations& activations,
                const at::Tensor& dlogits) override;

  std::vector<Parameter*> stem_parameters() override;
  std::vector<Parameter*> block_parameters(int64_t block) override;
  std::vector<Parameter*> top_parameters() override;
  std::vector<Parameter*> head_parameters() override { return {&weight_, &bias_}; }
  std::vector<Parameter*> norm_parameters() override;
  std::vector<Parameter*> buffers() override;

 private:
  // The stem, the blocks, the top.
  struct Stage {
    std::vector<ConvNorm> layers;
    bool residual = false;  // adds its input to its output
    bool pools = false;     // ends with the mean over an image's pixels
  };
  struct Activations;

  // The first stage above a depth; one past the last above depth().
  size_t StageAbove(int64_t depth) const;
  int64_t SideAbove(size_t stage, int64_t size) const;  // of its output
  size_t LowestTrained() const;                         // a stage, or stages_.size(): none
  FeatureMap RunStage(size_t stage, const FeatureMap& x) const;
  // Stages [from, to) by running statistics, a few images at a time, so that what lies between the
  // stages stays in the cache.
  FeatureMap RunStages(size_t from, size_t to, const FeatureMap& x) const;
  FeatureMap TrainStage(size_t stage, const FeatureMap& x, NormStatistics statistics,
                        Activations* activations);
  at::Tensor ForwardStages(size_t from, FeatureMap x, const ImageForwardMode& mode,
                           std::unique_ptr<ImageActivations>* activations);
  at::Tensor StageBackward(size_t stage, NormStatistics statistics, const Activations& activations,
                           at::Tensor dy, bool want_dx);
  std::vector<Parameter*> ParametersOf(size_t stage);

  int64_t top_width_ = 0;
  std::vector<Stage> stages_;
  Parameter weight_, bias_;  // of the head: [classes, top width], [classes]
};

}  // namespace attune
