// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/image_classification.h"

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/tiny_image_job.h"
#include "worker/trainer/loop/inference_loop.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using testing::TinyImageJob;

class Images : public ::testing::Test {
 protected:
  AttemptResult Run() {
    const auto task = job_.LoadTask();
    AttemptResult result = attempt_.Run(job_.spec, *task);
    EXPECT_TRUE(result.end.ok()) << result.end.status();
    return result;
  }
  std::string ModelDir() const { return JoinPath(job_.spec.work_dir, "model"); }
  std::vector<float> Tensor(const std::string& dir, const std::string& name, size_t elements) {
    const auto folder = ImageModelFolder::Open(dir);
    EXPECT_TRUE(folder.ok()) << folder.status();
    std::vector<float> values(elements);
    EXPECT_TRUE((*folder)->ReadFloats(name, absl::MakeSpan(values)).ok());
    return values;
  }

  TinyImageJob job_;
  Attempt attempt_;
};

TEST_F(Images, LearnsWhatColourTheyAre) {
  job_.spec.hyperparameters.epochs = 6;
  const AttemptResult result = Run();
  ASSERT_GE(result.evaluations.size(), 3);
  EXPECT_EQ(result.evaluations.front().split, "TEST_BASE");
  EXPECT_EQ(result.evaluations.back().split, "TEST");
  EXPECT_GT(result.evaluations.back().metrics.at("accuracy"), 0.8);
  EXPECT_THAT(result.evaluations.back().metrics, Not(Contains(Key("top5_accuracy"))));
}

TEST_F(Images, TheExportIsTheTrainedModel) {
  job_.spec.image.size = 40;
  Run();
  const auto folder = ImageModelFolder::Open(ModelDir());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ((*folder)->config().labels, job_.spec.labels);
  EXPECT_EQ((*folder)->config().transform.size, 40);
  const auto card = PosixFileSystem().ReadFile(JoinPath(ModelDir(), "README.md"));
  EXPECT_THAT(*card, HasSubstr("An image classifier"));
  EXPECT_THAT(*card, HasSubstr("image-classification"));
}

// TrainLoop restores the best weights before it exports, and these include the statistics.
TEST_F(Images, RunningStatisticsMoveOnlyWhereTheyAreTrained) {
  const std::vector<float> base = Tensor(job_.spec.base_model_dir, "bn1.running_mean", 32);
  Run();
  EXPECT_EQ(Tensor(ModelDir(), "bn1.running_mean", 32), base);
  EXPECT_NE(Tensor(ModelDir(), "bn1.weight", 32),
            Tensor(job_.spec.base_model_dir, "bn1.weight", 32));
  job_.spec.image.batch_norms = "trained";
  Run();
  EXPECT_NE(Tensor(ModelDir(), "bn1.running_mean", 32), base);
  job_.spec.image.batch_norms = "frozen";
  Run();
  EXPECT_EQ(Tensor(ModelDir(), "bn1.weight", 32),
            Tensor(job_.spec.base_model_dir, "bn1.weight", 32));
}

TEST_F(Images, CheckpointsHoldStatisticsOnlyWhereTheyChange) {
  EXPECT_TRUE(job_.LoadTask()->buffers().empty());
  job_.spec.image.batch_norms = "trained";
  const auto task = job_.LoadTask();
  EXPECT_FALSE(task->buffers().empty());
  EXPECT_EQ(task->saved().size(), task->parameters().size() + task->buffers().size());
  for (const Parameter* buffer : task->buffers()) {
    EXPECT_FALSE(buffer->first_moment.defined()) << buffer->parts[0].name;
  }
}

TEST_F(Images, MethodsTrainWhatTheySay) {
  const auto trained = [&](const char* method, int64_t top, const char* norms) {
    job_.spec.method = method;
    job_.spec.top_layers = top;
    job_.spec.image.batch_norms = norms;
    std::vector<std::string> names;
    const auto task = job_.LoadTask();
    for (const Parameter* p : task->parameters()) names.push_back(p->parts[0].name);
    return names;
  };
  EXPECT_THAT(trained("head", 0, "fixed_statistics"),
              ::testing::ElementsAre("classifier.weight", "classifier.bias"));
  const auto top = trained("partial", 1, "fixed_statistics");
  EXPECT_THAT(top, Contains("blocks.6.0.conv_pw.weight"));
  EXPECT_THAT(top, Contains("conv_head.weight"));
  EXPECT_THAT(top, Not(Contains("blocks.5.3.conv_pw.weight")));
  const auto full = trained("full", 0, "fixed_statistics");
  EXPECT_THAT(full, Contains("conv_stem.weight"));
  EXPECT_THAT(full, Contains("bn1.weight"));
  EXPECT_THAT(trained("full", 0, "frozen"), Not(Contains("bn1.weight")));
}

TEST_F(Images, MoreTopBlocksThanThereAreAreRefused) {
  job_.spec.method = "partial";
  job_.spec.top_layers = 17;
  const auto task = ImageClassification::Load(attempt_.Parts(job_.spec));
  EXPECT_THAT(std::string(task.status().message()), HasSubstr("1 to 16, the blocks"));
}

// What a step trains on is a matter of the images in it, not of how they are split.
TEST_F(Images, AccumulatedMicroBatchesAreTheWholeBatch) {
  const std::vector<int64_t> all = {0, 1, 2, 3, 4, 5};
  const auto gradient = [&](const std::vector<std::vector<int64_t>>& batches) {
    const auto task = job_.LoadTask();
    for (const std::vector<int64_t>& batch : batches) {
      EXPECT_TRUE(task->Forward(batch, {}).ok());
      task->Backward(1.0 / 6);
    }
    return task->parameters().front()->grad.clone();
  };
  const at::Tensor whole = gradient({all}), split = gradient({{0, 1, 2, 3}, {4, 5}});
  EXPECT_LT((whole - split).abs().max().item<float>(), 1e-4 * whole.abs().max().item<float>());
}

TEST_F(Images, EvaluationDoesNotDependOnTheTrainingBatch) {
  const auto outputs = [&] { return job_.LoadTask()->Predict(Split::kTest, 0)->outputs; };
  const at::Tensor four = outputs();
  EXPECT_EQ(four.size(0), 9);
  job_.spec.hyperparameters.batch_size = 1;
  EXPECT_TRUE(at::equal(outputs(), four));
}

TEST_F(Images, ALabelThatIsNotTheJobsNamesItsImage) {
  job_.spec.labels = {"blue", "green"};
  const auto task = ImageClassification::Load(attempt_.Parts(job_.spec));
  EXPECT_THAT(std::string(task.status().message()), HasSubstr("red/"));
}

TEST_F(Images, AnImageThatCannotBeReadEndsTheRunByName) {
  const std::string path = job_.Path("bad.tar");
  std::vector<std::pair<std::string, std::string>> members;
  for (const char* name : {"blue/1.png", "green/2.png", "red/3.png"}) {
    members.emplace_back(name, testing::NoisyPng(30, 30, 1, 2, 3, 4));
  }
  members.emplace_back("red/broken.png", members[0].second.substr(0, 200));
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, testing::TarOf(members)).ok());
  job_.spec.train.path = path;
  const auto task = job_.LoadTask();
  const AttemptResult result = attempt_.Run(job_.spec, *task);
  EXPECT_TRUE(absl::IsInvalidArgument(result.end.status()));
  EXPECT_THAT(std::string(result.end.status().message()), HasSubstr("red/broken.png"));
}

TEST_F(Images, ATunedModelIsEvaluatedAndAsked) {
  Run();
  TrainerSpec spec = job_.spec;
  spec.work = "predict";
  spec.base_model_dir = ModelDir();
  spec.work_dir = job_.Path("predictions");
  ASSERT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
  const LoopParts parts = attempt_.Parts(spec);
  const auto loop = InferenceLoop::Make(
      parts, [&](const std::string& dir, bool fresh) -> absl::StatusOr<std::unique_ptr<Task>> {
        return ImageClassification::LoadForInference(spec, dir, fresh, parts.stages);
      });
  ASSERT_TRUE(loop.ok()) << loop.status();
  const auto end = (*loop)->Run();
  ASSERT_TRUE(end.ok()) << end.status();
  const auto lines = PosixFileSystem().ReadFile(
      JoinPath(std::get<SucceededFrame>(*end).model_dir, "predictions.jsonl"));
  const auto first = nlohmann::json::parse(lines->substr(0, lines->find('\n')));
  EXPECT_EQ(first["file"], "blue/0.png");
  EXPECT_EQ(first["scores"].size(), 3);
}

TEST_F(Images, ABaseWithoutAHeadIsNotEvaluated) {
  job_.spec.work = "evaluate";
  SystemClock clock;
  StageClock stages(clock);
  const auto open = [&](bool fresh_head) {
    return ImageClassification::LoadForInference(job_.spec, job_.spec.base_model_dir, fresh_head,
                                                 stages);
  };
  EXPECT_THAT(std::string(open(false).status().message()), HasSubstr("0 outputs"));
  EXPECT_TRUE(open(true).ok());
}

}  // namespace
}  // namespace attune
