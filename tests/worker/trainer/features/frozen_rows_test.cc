// SPDX-License-Identifier: Apache-2.0
// What is frozen is computed once: with the same result from an empty cache, a full one, one that
// another job filled, and none.
#include "worker/trainer/features/frozen_rows.h"

#include "ATen/ATen.h"
#include "formats/datasets/labelled_text.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/features/text_rows.h"
#include "worker/trainer/methods/tuning_method.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using testing::TinyJob;

std::string Read(const std::string& path) {
  auto content = PosixFileSystem().ReadFile(path);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.value_or("");
}

struct Case {
  const char *method, *pooling;
};

class Frozen : public ::testing::TestWithParam<Case> {
 protected:
  Frozen() {
    spec_ = job_.spec;
    spec_.method = GetParam().method;
    spec_.pooling = GetParam().pooling;
    spec_.top_layers = 1;
    spec_.base_model_sha256 = std::string(64, 'b');
    spec_.train.sha256 = std::string(64, '1');
    spec_.test->sha256 = std::string(64, '3');
    spec_.eval.reset();
    spec_.eval_fraction = 0.3;
    spec_.cache_dir = job_.Path("cache");
  }

  // Weights and log of a run in a folder of its own.
  std::string Run(const std::string& name, TrainerSpec spec) {
    spec.work_dir = job_.Path(name);
    EXPECT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
    job_.spec = spec;
    const auto task = job_.LoadTask();
    const AttemptResult result = Attempt().Run(spec, *task);
    EXPECT_TRUE(result.end.ok()) << result.end.status();
    return Read(JoinPath(spec.work_dir, "model/model.safetensors")) +
           Read(JoinPath(spec.work_dir, "metrics.jsonl"));
  }
  size_t Kept() {
    const auto names = PosixFileSystem().List(job_.Path("cache"));
    return names.ok() ? names->size() : 0;
  }

  TinyJob job_;
  TrainerSpec spec_;
};

TEST_P(Frozen, BytesDoNotDependOnTheCache) {
  TrainerSpec without = spec_;
  without.cache_dir = "";
  const std::string expected = Run("without", without);
  EXPECT_EQ(Kept(), 0);
  EXPECT_TRUE(Run("cold", spec_) == expected);
  EXPECT_EQ(Kept(), 2);  // of train, held-out rows among them, and of test
  EXPECT_TRUE(Run("warm", spec_) == expected);

  ASSERT_TRUE(PosixFileSystem().RemoveTree(job_.Path("cache")).ok());
  TrainerSpec other = spec_;
  other.eval_fraction = 0.1;
  other.hyperparameters.seed = 99;
  Run("other", other);
  EXPECT_EQ(Kept(), 2);
  EXPECT_TRUE(Run("after another", spec_) == expected);
  EXPECT_EQ(Kept(), 2);
}

TEST_P(Frozen, AnotherBaseOrLengthHasFilesOfItsOwn) {
  Run("first", spec_);
  TrainerSpec other = spec_;
  other.base_model_sha256 = std::string(64, 'c');
  Run("another base", other);
  EXPECT_EQ(Kept(), 4);
  other.hyperparameters.max_length = 7;
  Run("shorter", other);
  EXPECT_EQ(Kept(), 6);
}

TEST_P(Frozen, AnotherPoolingHasFilesOfItsOwn) {
  Run("first", spec_);
  TrainerSpec other = spec_;
  other.pooling = spec_.pooling == "mean" ? "first_token" : "mean";
  Run("other", other);
  EXPECT_EQ(Kept(), 4);
}

TEST_P(Frozen, AStopEndsTheComputation) {
  SystemClock clock;
  StageClock stages(clock);
  ThreadExecutor background("checkpoints", 1, clock);
  testing::RecordingSink events;
  RunControl control;
  control.RequestStop("drain");
  const auto task = TextClassification::Load({.spec = spec_,
                                              .events = events,
                                              .control = control,
                                              .files = PosixFileSystem(),
                                              .background = background,
                                              .stages = stages,
                                              .build = CurrentBuild()});
  EXPECT_TRUE(absl::IsCancelled(task.status()));
  EXPECT_EQ(Kept(), 0);
}

TEST_P(Frozen, WithoutRoomForThemTheyAreComputedInEveryBatch) {
  const auto folder = job_.OpenBase();
  const auto tokenizer = *folder->OpenTokenizer();
  const auto model = *TextClassifier::Load(*folder, 2, 1, PoolingNamed(spec_.pooling));
  const TokenizedText text = TokenizedText::Make(*LoadLabelledText(spec_.train), *tokenizer, 48);
  const int64_t depth = *FrozenDepth(spec_, folder->config().layers);
  testing::RecordingSink events;
  FeatureCache large(PosixFileSystem(), job_.Path("cache"), events);
  FeatureCache small(PosixFileSystem(), job_.Path("cache"), events, /*capacity_bytes=*/10);
  const auto never = [] { return false; };
  const TextRows source(*model, depth, text);
  const auto kept = FrozenRows::Make(source, depth, "a", large, never);
  const auto computed = FrozenRows::Make(source, depth, "b", small, never);
  ASSERT_TRUE(kept.ok() && computed.ok());
  EXPECT_EQ(Kept(), 1);
  EXPECT_TRUE(kept->computed() && !computed->computed());
  const std::vector<int64_t> examples = {7, 3, 31};
  const PackedBatch batch = Pack(text, examples);
  const at::Tensor a = kept->Gather(examples), b = model->RowsAt(depth, batch);
  EXPECT_EQ(a.sizes(), b.sizes());
  const int64_t rows = depth == 2 ? batch.sequences() : batch.tokens();
  EXPECT_LT((a - b).narrow(0, 0, rows).abs().max().item<float>(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Methods, Frozen,
                         ::testing::Values(Case{"head", "first_token"}, Case{"head", "mean"},
                                           Case{"partial", "first_token"},
                                           Case{"partial", "mean"}));

}  // namespace
}  // namespace attune
