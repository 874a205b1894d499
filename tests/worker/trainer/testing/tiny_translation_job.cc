// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/trainer/testing/tiny_translation_job.h"

#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "formats/weights/safetensors.h"
#include "formats/weights/translation_config.h"
#include "formats/weights/translation_tensors.h"
#include "gtest/gtest.h"
#include "tests/formats/sentence_piece_bytes.h"

namespace attune::testing {
namespace {

constexpr int kLetters = 12;
const TranslationConfig kConfig = {.vocab_size = 2 + 2 * kLetters,
                                   .hidden_size = 16,
                                   .feed_forward_size = 32,
                                   .encoder_layers = 2,
                                   .decoder_layers = 2,
                                   .heads = 2,
                                   .max_length = 32};

void Write(const std::string& path, const std::string& text) {
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, text).ok());
}

float WeightOf(const TranslationTensorPlan& tensor, Rng& rng) {
  const auto noise = [&] { return 2 * rng.Uniform() - 1; };
  if (tensor.shape.size() > 1) {
    return static_cast<float>(noise() * std::sqrt(3.0 / static_cast<double>(tensor.shape.back())));
  }
  const bool scales = absl::StrContains(tensor.name, "norm.weight");
  return static_cast<float>((scales ? 1 : 0) + 0.1 * noise());
}

void WriteBase(const std::string& dir) {
  ASSERT_TRUE(PosixFileSystem().MakeDirs(dir).ok());
  Write(JoinPath(dir, "config.json"), ToJson(kConfig));
  Write(JoinPath(dir, "vocab.spm"), TinyVocabulary());
  SeededRng rng(11);
  std::map<std::string, std::vector<float>> data;
  std::vector<TensorToWrite> tensors;
  for (const TranslationTensorPlan& tensor : TranslationTensors(kConfig)) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    std::vector<float>& values = data[tensor.name];
    for (int64_t i = 0; i < elements; ++i) values.push_back(WeightOf(tensor, rng));
    tensors.push_back({tensor.name, DType::kF32, tensor.shape,
                       absl::MakeConstSpan(reinterpret_cast<const char*>(values.data()),
                                           values.size() * sizeof(float))});
  }
  ASSERT_TRUE(WriteSafetensors(JoinPath(dir, "model.safetensors"), tensors).ok());
}

DatasetSpec WritePairs(const std::string& path, int rows, uint64_t seed) {
  SeededRng rng(seed);
  std::string lines;
  for (int i = 0; i < rows; ++i) {
    std::string source;
    for (uint64_t words = 2 + rng.Below(6); words > 0; --words) {
      absl::StrAppend(&source, source.empty() ? "" : " ",
                      std::string(1, static_cast<char>('a' + rng.Below(kLetters))));
    }
    absl::StrAppend(&lines, R"({"source": ")", source, R"(", "target": ")",
                    absl::AsciiStrToUpper(source), "\"}\n");
  }
  Write(path, lines);
  return {.path = path,
          .format = "jsonl",
          .text_columns = {"source"},
          .label_column = "target",
          .label_kind = "text"};
}

}  // namespace

std::string TinyVocabulary() {
  constexpr int64_t kNormal = 1, kUnknown = 2, kControl = 3, kUnigram = 1;
  std::string model = WirePiece("</s>", 0, kControl) + WirePiece("<unk>", 0, kUnknown);
  for (const char first : {'a', 'A'}) {
    for (int i = 0; i < kLetters; ++i) {
      model += WirePiece(absl::StrCat("▁", std::string(1, static_cast<char>(first + i))),
                         -1 - 0.1f * static_cast<float>(i), kNormal);
    }
  }
  const std::string trainer = WireNumber(3, kUnigram) + WireNumber(40, 1) + WireNumber(41, -1) +
                              WireNumber(42, 0) + WireNumber(43, -1);
  return model + WireBytes(2, trainer) + WireBytes(3, WireBytes(1, "identity"));
}

TinyTranslationJob::TinyTranslationJob() {
  spec.job = "jobs/tiny-translation";
  spec.attempt = 1;
  spec.task = "translation";
  spec.best_metric = "chrf";
  spec.work_dir = Path("work");
  spec.base_model_dir = Path("base");
  spec.base_model_name = "models/tiny-translation";
  EXPECT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
  WriteBase(spec.base_model_dir);
  spec.train = WritePairs(Path("train.jsonl"), 24, 1);
  spec.eval = WritePairs(Path("eval.jsonl"), 9, 2);
  spec.test = WritePairs(Path("test.jsonl"), 9, 3);
  spec.lora.target_modules = {"q_proj", "v_proj"};
  spec.hyperparameters.epochs = 2;
  spec.hyperparameters.batch_size = 4;
  spec.hyperparameters.gradient_accumulation_steps = 2;
  spec.hyperparameters.learning_rate = 3e-3;
  spec.hyperparameters.dropout = 0;
  spec.hyperparameters.seed = 5;
}

std::unique_ptr<Translation> TinyTranslationJob::LoadTask() const {
  Attempt attempt;
  auto task = Translation::Load(attempt.Parts(spec));
  EXPECT_TRUE(task.ok()) << task.status();
  return *std::move(task);
}

std::unique_ptr<TranslationFolder> TinyTranslationJob::OpenBase() const {
  auto folder = TranslationFolder::Open(spec.base_model_dir);
  EXPECT_TRUE(folder.ok()) << folder.status();
  return *std::move(folder);
}

}  // namespace attune::testing
