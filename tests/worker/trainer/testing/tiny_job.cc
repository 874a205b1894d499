// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/trainer/testing/tiny_job.h"

#include <unistd.h>

#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "formats/weights/safetensors.h"
#include "gtest/gtest.h"
#include "worker/trainer/device/build_info.h"

namespace attune::testing {
namespace {

constexpr int64_t kHidden = 32, kInner = 64, kLayers = 2, kPositions = 48;
const std::vector<std::string> kWords = {"good", "bad",  "film", "plot", "actor", "very",
                                         "not",  "fine", "dull", "the",  "a",     "was"};

void Write(const std::string& path, const std::string& text) {
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, text).ok());
}

void WriteVocabulary(const std::string& dir) {
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (const std::string& word : kWords) absl::StrAppend(&vocabulary, word, "\n");
  Write(JoinPath(dir, "vocab.txt"), vocabulary);
  Write(JoinPath(dir, "tokenizer_config.json"),
        R"({"do_lower_case": true, "tokenizer_class": "BertTokenizer"})");
}

void WriteConfig(const std::string& dir) {
  Write(
      JoinPath(dir, "config.json"),
      absl::StrCat(R"({"model_type": "bert", "architectures": ["BertModel"], "vocab_size": )",
                   kWords.size() + 5, R"(, "hidden_size": )", kHidden, R"(, "num_hidden_layers": )",
                   kLayers, R"(, "num_attention_heads": 2, "intermediate_size": )", kInner,
                   R"(, "max_position_embeddings": )", kPositions,
                   R"(, "type_vocab_size": 2, "hidden_act": "gelu"})"));
}

std::map<std::string, std::vector<int64_t>> Shapes() {
  std::map<std::string, std::vector<int64_t>> shapes = {
      {"embeddings.word_embeddings.weight", {static_cast<int64_t>(kWords.size()) + 5, kHidden}},
      {"embeddings.position_embeddings.weight", {kPositions, kHidden}},
      {"embeddings.token_type_embeddings.weight", {2, kHidden}}};
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    shapes[name + ".weight"] = {out, in};
    shapes[name + ".bias"] = {out};
  };
  const auto norm = [&](const std::string& name) {
    shapes[name + ".weight"] = {kHidden};
    shapes[name + ".bias"] = {kHidden};
  };
  norm("embeddings.LayerNorm");
  for (int64_t i = 0; i < kLayers; ++i) {
    const std::string at = absl::StrCat("encoder.layer.", i, ".");
    for (const char* part : {"query", "key", "value"}) {
      linear(absl::StrCat(at, "attention.self.", part), kHidden, kHidden);
    }
    linear(at + "attention.output.dense", kHidden, kHidden);
    norm(at + "attention.output.LayerNorm");
    linear(at + "intermediate.dense", kInner, kHidden);
    linear(at + "output.dense", kHidden, kInner);
    norm(at + "output.LayerNorm");
  }
  return shapes;
}

void WriteWeights(const std::string& dir) {
  SeededRng rng(11);
  std::map<std::string, std::vector<float>> data;
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, shape] : Shapes()) {
    int64_t elements = 1;
    for (const int64_t size : shape) elements *= size;
    std::vector<float>& values = data[name];
    const bool gamma = name.find("LayerNorm.weight") != std::string::npos;
    for (int64_t i = 0; i < elements; ++i) {
      values.push_back(static_cast<float>((gamma ? 1.0 : 0.0) + 0.5 * (rng.Uniform() - 0.5)));
    }
    tensors.push_back({name, DType::kF32, shape,
                       absl::MakeConstSpan(reinterpret_cast<const char*>(values.data()),
                                           values.size() * sizeof(float))});
  }
  ASSERT_TRUE(WriteSafetensors(JoinPath(dir, "model.safetensors"), tensors).ok());
}

// The label of a text that is that good and has that many words.
std::string LabelOf(const std::string& kind, int score, uint64_t words) {
  if (kind == "number") return absl::StrCat(score / 2.0);
  if (kind == "multi") {
    return absl::StrCat(score > 0 ? "positive" : "", score > 0 && words > 10 ? "|" : "",
                        words > 10 ? "long" : "");
  }
  return score > 0 ? "positive" : "negative";
}

void WriteRows(const std::string& path, const std::string& kind, int rows, uint64_t seed) {
  SeededRng rng(seed);
  std::string csv = "text,label\n";
  for (int i = 0; i < rows; ++i) {
    std::string text;
    int score = 0;
    const uint64_t words = 1 + rng.Below(20);
    for (uint64_t w = 0; w < words; ++w) {
      const std::string& word = kWords[rng.Below(kWords.size())];
      score += (word == "good" || word == "fine") - (word == "bad" || word == "dull");
      absl::StrAppend(&text, text.empty() ? "" : " ", word);
    }
    absl::StrAppend(&csv, text, ",", LabelOf(kind, score, words), "\n");
  }
  Write(path, csv);
}

// As attempt_runner decides it where nothing has to be measured.
Precision PrecisionOf(const TrainerSpec& spec) {
  return spec.hyperparameters.precision == "bf16" ? Precision::kBf16 : Precision::kFp32;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = absl::StrCat(::testing::TempDir(), "attune-XXXXXX");
  path_ = mkdtemp(name.data());
}

TemporaryFolder::~TemporaryFolder() { PosixFileSystem().RemoveTree(path_).IgnoreError(); }

void RecordingSink::Emit(const TrainerEvent& event) {
  absl::MutexLock lock(&mutex_);
  events_.push_back(event);
}

TinyJob::TinyJob(const std::string& label_kind) {
  const std::string base = Path("base");
  EXPECT_TRUE(PosixFileSystem().MakeDirs(base).ok());
  EXPECT_TRUE(PosixFileSystem().MakeDirs(Path("work")).ok());
  WriteVocabulary(base);
  WriteConfig(base);
  WriteWeights(base);
  const auto data = [&](const std::string& name, int rows, uint64_t seed) {
    WriteRows(Path(name), label_kind, rows, seed);
    return DatasetSpec{Path(name), "csv", {"text"}, "label", label_kind};
  };
  spec.job = "jobs/tiny";
  spec.attempt = 1;
  spec.work_dir = Path("work");
  spec.base_model_dir = base;
  spec.base_model_name = "models/tiny";
  spec.labels = {"negative", "positive"};
  if (label_kind == "multi") spec.labels = {"long", "positive"}, spec.best_metric = "micro_f1";
  if (label_kind == "number") spec.labels = {}, spec.best_metric = "loss";
  spec.train = data("train.csv", 45, 1);
  spec.eval = data("eval.csv", 20, 2);
  spec.test = data("test.csv", 20, 3);
  spec.hyperparameters.epochs = 2;
  spec.hyperparameters.batch_size = 4;
  spec.hyperparameters.gradient_accumulation_steps = 2;
  spec.hyperparameters.learning_rate = 1e-3;
  spec.hyperparameters.seed = 5;
}

std::unique_ptr<ModelFolder> TinyJob::OpenBase() const {
  auto folder = ModelFolder::Open(spec.base_model_dir);
  EXPECT_TRUE(folder.ok()) << folder.status();
  return *std::move(folder);
}

void TinyJob::MakeSentenceTransformer(const std::string& pooling_mode) const {
  const std::string& base = spec.base_model_dir;
  ASSERT_TRUE(PosixFileSystem().MakeDirs(JoinPath(base, "1_Pooling")).ok());
  Write(JoinPath(base, "1_Pooling/config.json"), absl::StrCat("{\"", pooling_mode, "\": true}"));
  Write(JoinPath(base, "modules.json"),
        R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])");
}

std::unique_ptr<TextClassification> TinyJob::LoadTask() const {
  Attempt attempt;
  auto task = TextClassification::Load(attempt.Parts(spec));
  EXPECT_TRUE(task.ok()) << task.status();
  return *std::move(task);
}

LoopParts Attempt::Parts(const TrainerSpec& spec, FileSystem& files) {
  return {.spec = spec,
          .events = sink_,
          .control = control_,
          .files = files,
          .background = background_,
          .stages = stages_,
          .build = CurrentBuild(PrecisionOf(spec)),
          .precision = PrecisionOf(spec),
          .disk_retry = absl::Milliseconds(1)};
}

AttemptResult Attempt::Run(const TrainerSpec& spec, Task& task, FileSystem& files) {
  AttemptResult result;
  auto loop = TrainLoop::Make(Parts(spec, files), task);
  if (loop.ok()) {
    result.end = (*loop)->Run();
    loop->reset();
  } else {
    result.end = loop.status();
  }
  result.checkpoints = sink_.All<CheckpointFrame>();
  result.evaluations = sink_.All<EvaluationFrame>();
  return result;
}

}  // namespace attune::testing
