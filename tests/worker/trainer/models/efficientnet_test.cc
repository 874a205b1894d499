// SPDX-License-Identifier: Apache-2.0
// A small network against one that is written with torch's operators in double precision, whose
// gradients are autograd's.
#include "worker/trainer/models/efficientnet.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {
namespace {

constexpr int64_t kClasses = 5, kImages = 7, kSide = 33;

// Every kind of block, widths that are no multiples of the vector width among them.
EfficientNetPlan SmallPlan() {
  return {
      .stem = 16,
      .blocks =
          {{.name = "blocks.0.0", .in = 16, .out = 12},
           {.name = "blocks.1.0", .in = 12, .out = 20, .kernel = 5, .stride = 2, .expansion = 4},
           {.name = "blocks.1.1", .in = 20, .out = 20, .kernel = 3, .expansion = 2},
           {.name = "blocks.2.0", .in = 20, .out = 24, .kernel = 3, .stride = 2, .expansion = 3}},
      .top = 40};
}

at::Tensor SameConvolution(const at::Tensor& x, const at::Tensor& weight, int64_t stride,
                           int64_t groups) {
  const int64_t in = x.size(2), kernel = weight.size(2), out = (in + stride - 1) / stride;
  const int64_t all = std::max<int64_t>(0, (out - 1) * stride + kernel - in), before = all / 2;
  const at::Tensor padded = at::constant_pad_nd(x, {before, all - before, before, all - before}, 0);
  return at::conv2d(padded, weight, {}, stride, at::IntArrayRef{0}, 1, groups);
}

class TorchNet {
 public:
  TorchNet(EfficientNet& model, NormStatistics statistics)
      : plan_(SmallPlan()), batch_(statistics == NormStatistics::kBatch) {
    for (const NamedTensor& t : ValuesOf(model.parameters())) {
      values_[t.name] = t.tensor.to(at::kDouble).set_requires_grad(true);
    }
    for (const NamedTensor& t : ValuesOf(model.buffers())) {
      values_[t.name] = t.tensor.to(at::kDouble);
    }
  }

  at::Tensor Logits(const at::Tensor& images) {
    at::Tensor x = Layer({"conv_stem", "bn1"}, images.to(at::kDouble), 2, true);
    for (const InvertedBlock& block : plan_.blocks) x = Block(block, x);
    x = Layer({"conv_head", "bn2"}, x, 1, true).mean({2, 3});
    return at::linear(x, values_["classifier.weight"], values_["classifier.bias"]);
  }

  const at::Tensor& operator[](const std::string& name) { return values_[name]; }

 private:
  at::Tensor Layer(const InvertedBlock::LayerNames& names, const at::Tensor& x, int64_t stride,
                   bool relu6) {
    const at::Tensor& weight = values_[names.convolution + ".weight"];
    const int64_t groups = x.size(1) / weight.size(1);
    const at::Tensor y = at::batch_norm(
        SameConvolution(x, weight, stride, groups), values_[names.norm + ".weight"],
        values_[names.norm + ".bias"], values_[names.norm + ".running_mean"],
        values_[names.norm + ".running_var"], batch_, 0.1, kEfficientNetNormEps, false);
    return relu6 ? at::hardtanh(y, 0, 6) : y;
  }
  at::Tensor Block(const InvertedBlock& block, const at::Tensor& x) {
    at::Tensor y = x;
    if (block.expansion > 1) y = Layer(block.expand_names(), y, 1, true);
    y = Layer(block.depthwise_names(), y, block.stride, true);
    y = Layer(block.project_names(), y, 1, false);
    return block.residual() ? x + y : y;
  }

  const EfficientNetPlan plan_;
  const bool batch_;
  std::map<std::string, at::Tensor> values_;
};

class SmallEfficientNet : public ::testing::TestWithParam<NormStatistics> {
 protected:
  SmallEfficientNet() : model_(SmallPlan(), kClasses) {
    at::manual_seed(12);
    for (Parameter* p : model_.parameters()) {
      const bool matrix = p->value.dim() > 1;
      const double fan = static_cast<double>(p->value.numel() / p->value.size(0));
      p->value.normal_(p->parts[0].name.ends_with("weight") && !matrix ? 1 : 0,
                       matrix ? std::sqrt(2 / fan) : 0.3);
    }
    for (Parameter* p : model_.buffers()) {
      if (p->parts[0].name.ends_with("mean")) {
        p->value.normal_(0, 0.3);
      } else {
        p->value.uniform_(0.5, 1.5);
      }
    }
    images_ = at::randn({kImages, 3, kSide, kSide});
    dlogits_ = at::randn({kImages, kClasses});
  }
  ImageForwardMode Mode() const { return {.statistics = GetParam()}; }
  void Train() {
    std::unique_ptr<ImageActivations> activations;
    model_.Forward(images_, Mode(), &activations);
    model_.Backward(Mode(), *activations, dlogits_);
  }

  EfficientNet model_;
  at::Tensor images_, dlogits_;
};

INSTANTIATE_TEST_SUITE_P(Norms, SmallEfficientNet,
                         ::testing::Values(NormStatistics::kRunning, NormStatistics::kBatch));

TEST_P(SmallEfficientNet, HasTorchsLogits) {
  TorchNet torch(model_, GetParam());
  const at::Tensor logits = model_.Forward(images_, Mode(), nullptr);
  EXPECT_LT((logits - torch.Logits(images_)).abs().max().item<double>(), 1e-4);
}

TEST_P(SmallEfficientNet, HasAutogradsGradients) {
  TorchNet torch(model_, GetParam());
  (torch.Logits(images_) * dlogits_).sum().backward();
  Train();
  for (Parameter* p : model_.parameters()) {
    const at::Tensor expected = torch[p->parts[0].name].grad();
    ASSERT_TRUE(p->grad.defined()) << p->parts[0].name;
    ASSERT_EQ(p->grad.sizes(), p->value.sizes()) << p->parts[0].name;
    EXPECT_TRUE(p->grad.is_contiguous()) << p->parts[0].name;
    // A shift that the next norm takes back has the gradient 0.
    const double size = std::max(1e-2, expected.norm().item<double>());
    EXPECT_LT((p->grad - expected).norm().item<double>(), 2e-4 * size) << p->parts[0].name;
  }
}

TEST_P(SmallEfficientNet, ChangesRunningStatisticsByBatchesAlone) {
  TorchNet torch(model_, GetParam());
  std::map<std::string, at::Tensor> before;
  for (Parameter* p : model_.buffers()) before[p->parts[0].name] = p->value.clone();
  torch.Logits(images_);
  model_.Forward(images_, Mode(), nullptr);
  for (Parameter* p : model_.buffers()) {
    const std::string& name = p->parts[0].name;
    EXPECT_FALSE(p->trainable) << name;
    EXPECT_EQ(at::equal(p->value, before[name]), GetParam() == NormStatistics::kRunning) << name;
    EXPECT_LT((p->value - torch[name]).abs().max().item<double>(), 1e-5) << name;
  }
}

TEST_P(SmallEfficientNet, AddsUpGradientsAndRepeatsItsBits) {
  std::vector<at::Tensor> buffers;
  for (Parameter* p : model_.buffers()) buffers.push_back(p->value.clone());
  Train();
  std::map<std::string, at::Tensor> once;
  for (Parameter* p : model_.parameters()) once[p->parts[0].name] = p->grad.clone();
  Train();
  for (Parameter* p : model_.parameters()) {
    EXPECT_TRUE(at::equal(p->grad, once[p->parts[0].name] * 2)) << p->parts[0].name;
  }
}

TEST_P(SmallEfficientNet, GoesNoLowerThanItsLowestTrained) {
  Train();
  std::map<std::string, at::Tensor> whole;
  for (Parameter* p : model_.parameters()) whole[p->parts[0].name] = p->grad;
  ClearGrads(model_.parameters());
  Freeze(model_.stem_parameters());
  for (const int64_t block : {0, 1}) Freeze(model_.block_parameters(block));
  Freeze(model_.norm_parameters());
  Train();
  for (Parameter* p : model_.parameters()) {
    ASSERT_EQ(p->grad.defined(), p->trainable) << p->parts[0].name;
    if (!p->trainable) continue;
    EXPECT_LT((p->grad - whole[p->parts[0].name]).norm().item<double>(),
              1e-5 * whole[p->parts[0].name].norm().item<double>())
        << p->parts[0].name;
  }
}

class FrozenEfficientNet : public SmallEfficientNet {};
INSTANTIATE_TEST_SUITE_P(Norms, FrozenEfficientNet, ::testing::Values(NormStatistics::kRunning));

TEST_P(FrozenEfficientNet, RunsInTwoStretches) {
  const at::Tensor logits = model_.Forward(images_, {}, nullptr);
  for (int64_t depth = 0; depth <= model_.depth(); ++depth) {
    const at::Tensor rows = model_.RowsAt(depth, images_);
    EXPECT_EQ(rows.sizes(), (at::IntArrayRef{kImages, model_.WidthAt(depth, kSide)}));
    EXPECT_TRUE(rows.is_contiguous());
    const at::Tensor above = model_.ForwardFrom(depth, rows, kSide, {}, nullptr);
    EXPECT_LT((above - logits).abs().max().item<float>(), 1e-5) << depth;
  }
}

TEST_P(FrozenEfficientNet, TrainsFromRowsAsFromImages) {
  Freeze(model_.stem_parameters());
  for (const int64_t block : {0, 1, 2}) Freeze(model_.block_parameters(block));
  Train();
  std::map<std::string, at::Tensor> from_images;
  for (Parameter* p : model_.parameters()) from_images[p->parts[0].name] = p->grad;
  ClearGrads(model_.parameters());
  std::unique_ptr<ImageActivations> activations;
  model_.ForwardFrom(3, model_.RowsAt(3, images_), kSide, {}, &activations);
  model_.Backward({}, *activations, dlogits_);
  for (Parameter* p : TrainableOf(model_.parameters())) {
    EXPECT_LT((p->grad - from_images[p->parts[0].name]).norm().item<double>(),
              1e-5 * p->grad.norm().item<double>())
        << p->parts[0].name;
  }
}

TEST_P(FrozenEfficientNet, DropsOutWhatTheHeadSitsOn) {
  const ImageForwardMode mode{.dropout = 0.5, .key = {1, 2, 3}};
  std::unique_ptr<ImageActivations> activations;
  const at::Tensor logits = model_.Forward(images_, mode, &activations);
  EXPECT_TRUE(at::equal(logits, model_.Forward(images_, mode, nullptr)));
  EXPECT_FALSE(at::allclose(logits, model_.Forward(images_, {}, nullptr)));
  // The gradient of the head's weights is that of a linear layer on the masked input.
  model_.Backward(mode, *activations, dlogits_);
  const Parameter& weight = *model_.head_parameters()[0];
  const double masked = (weight.grad == 0).all(0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(masked, 0, 0.1);  // each image has a mask of its own
  EXPECT_NEAR((logits * dlogits_).sum().item<double>(),
              (weight.grad * weight.value).sum().item<double>() +
                  (model_.head_parameters()[1]->value * dlogits_.sum(0)).sum().item<double>(),
              1e-2);
}

TEST_P(FrozenEfficientNet, ListsEveryParameterOnce) {
  std::vector<std::string> names, expected;
  for (Parameter* p : model_.parameters()) names.push_back(p->parts[0].name);
  for (Parameter* p : model_.buffers()) names.push_back(p->parts[0].name);
  for (const PlannedTensor& tensor : TensorsOf(SmallPlan())) expected.push_back(tensor.name);
  expected.insert(expected.end(), {"classifier.weight", "classifier.bias"});
  EXPECT_THAT(names, ::testing::UnorderedElementsAreArray(expected));
  for (Parameter* p : model_.parameters()) {
    EXPECT_EQ(p->decays, p->value.dim() > 1) << p->parts[0].name;
  }
}

}  // namespace
}  // namespace attune
