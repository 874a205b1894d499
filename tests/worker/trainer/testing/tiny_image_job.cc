// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/trainer/testing/tiny_image_job.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "formats/weights/efficientnet_plan.h"
#include "formats/weights/safetensors.h"
#include "gtest/gtest.h"
#include "tests/formats/images/encode.h"

namespace attune::testing {
namespace {

constexpr char kArchitecture[] = "tf_efficientnet_lite0";
const std::vector<std::string> kClasses = {"blue", "green", "red"};

void Write(const std::string& path, const std::string& text) {
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, text).ok());
}

float WeightOf(const PlannedTensor& tensor, int64_t fan_in, Rng& rng) {
  if (tensor.shape.size() > 1) {
    return static_cast<float>(std::sqrt(6.0 / static_cast<double>(fan_in)) *
                              (2 * rng.Uniform() - 1));
  }
  const bool shifts =
      absl::EndsWith(tensor.name, "bias") || absl::EndsWith(tensor.name, "running_mean");
  return static_cast<float>((shifts ? 0 : 1) + 0.2 * (rng.Uniform() - 0.5));
}

void WriteBase(const std::string& dir) {
  ASSERT_TRUE(PosixFileSystem().MakeDirs(dir).ok());
  Write(JoinPath(dir, "config.json"),
        absl::StrCat(R"({"architecture": ")", kArchitecture, R"(", "num_classes": 0, )",
                     R"("pretrained_cfg": {"input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5], )",
                     R"("std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "crop_pct": 0.875}})"));
  SeededRng rng(11);
  std::map<std::string, std::vector<float>> data;
  std::vector<TensorToWrite> tensors;
  for (const PlannedTensor& tensor : TensorsOf(*EfficientNetPlanOf(kArchitecture))) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    std::vector<float>& values = data[tensor.name];
    const int64_t fan_in = elements / tensor.shape[0];
    for (int64_t i = 0; i < elements; ++i) values.push_back(WeightOf(tensor, fan_in, rng));
    tensors.push_back({tensor.name, DType::kF32, tensor.shape,
                       absl::MakeConstSpan(reinterpret_cast<const char*>(values.data()),
                                           values.size() * sizeof(float))});
  }
  ASSERT_TRUE(WriteSafetensors(JoinPath(dir, "model.safetensors"), tensors).ok());
}

DatasetSpec WriteImages(const std::string& path, int images, uint64_t seed) {
  SeededRng rng(seed);
  std::vector<std::pair<std::string, std::string>> members;
  for (int i = 0; i < images; ++i) {
    const size_t label = static_cast<size_t>(i) % kClasses.size();
    const auto level = [&](size_t of) { return of == label ? 170 : 90; };
    const auto side = [&] { return static_cast<int64_t>(24 + rng.Below(30)); };
    const int64_t width = side(), height = side();
    members.emplace_back(absl::StrCat(kClasses[label], "/", i, ".png"),
                         NoisyPng(width, height, level(2), level(1), level(0), rng.Below(1 << 20)));
  }
  Write(path, TarOf(members));
  return {.path = path, .format = "images", .label_kind = "single"};
}

}  // namespace

std::string NoisyPng(int64_t width, int64_t height, int red, int green, int blue, uint64_t seed) {
  SeededRng rng(seed);
  Image image{width, height, {}};
  for (int64_t i = 0; i < width * height; ++i) {
    for (const int level : {red, green, blue}) {
      image.rgb.push_back(
          static_cast<uint8_t>(std::clamp(level + static_cast<int>(rng.Below(161)) - 80, 0, 255)));
    }
  }
  return EncodePng(image);
}

std::string TarOf(const std::vector<std::pair<std::string, std::string>>& members) {
  constexpr size_t kBlock = 512;
  std::string tar;
  for (const auto& [name, content] : members) {
    std::string header(kBlock, '\0');
    const auto put = [&](size_t at, const std::string& text) {
      header.replace(at, text.size(), text);
    };
    put(0, name);
    put(100, "0000644");
    put(124, absl::StrFormat("%011o", content.size()));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, std::string("ustar\00000", 8));
    uint32_t sum = 0;
    for (const char c : header) sum += static_cast<uint8_t>(c);
    put(148, absl::StrFormat("%06o", sum));
    header[154] = '\0';
    tar += header + content;
    tar.resize((tar.size() + kBlock - 1) / kBlock * kBlock, '\0');
  }
  return tar + std::string(2 * kBlock, '\0');
}

TinyImageJob::TinyImageJob() {
  spec.job = "jobs/tiny-images";
  spec.attempt = 1;
  spec.task = "image_classification";
  spec.work_dir = Path("work");
  spec.base_model_dir = Path("base");
  spec.base_model_name = "models/tiny-images";
  spec.labels = kClasses;
  EXPECT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
  WriteBase(spec.base_model_dir);
  spec.train = WriteImages(Path("train.tar"), 24, 1);
  spec.eval = WriteImages(Path("eval.tar"), 9, 2);
  spec.test = WriteImages(Path("test.tar"), 9, 3);
  spec.hyperparameters.epochs = 2;
  spec.hyperparameters.batch_size = 4;
  spec.hyperparameters.gradient_accumulation_steps = 2;
  spec.hyperparameters.learning_rate = 1e-3;
  spec.hyperparameters.dropout = 0;
  spec.hyperparameters.seed = 5;
}

std::unique_ptr<ImageClassification> TinyImageJob::LoadTask() const {
  Attempt attempt;
  auto task = ImageClassification::Load(attempt.Parts(spec));
  EXPECT_TRUE(task.ok()) << task.status();
  return *std::move(task);
}

}  // namespace attune::testing
