// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/translation.h"

#include <sstream>

#include "base/digest.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/tiny_translation_job.h"
#include "worker/trainer/loop/inference_loop.h"
#include "worker/trainer/tasks/translation_outputs.h"

namespace attune {
namespace {

using testing::Attempt;
using testing::AttemptResult;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TinyTranslationJob;
using ::testing::UnorderedElementsAre;

class Translations : public ::testing::Test {
 protected:
  AttemptResult Run() {
    const auto task = job_.LoadTask();
    AttemptResult result = attempt_.Run(job_.spec, *task);
    EXPECT_TRUE(result.end.ok()) << result.end.status();
    return result;
  }
  std::string ModelDir() const { return JoinPath(job_.spec.work_dir, "model"); }
  std::string Read(const std::string& path) {
    const auto text = PosixFileSystem().ReadFile(path);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.value_or("");
  }
  // The job's own test data, gone through with the model in the folder.
  AttemptResult Infer(const std::string& work, const std::string& model_dir) {
    job_.spec.work = work;
    job_.spec.base_model_dir = model_dir;
    const LoopParts parts = attempt_.Parts(job_.spec);
    const auto loop = InferenceLoop::Make(
        parts, [&](const std::string& dir, bool) -> absl::StatusOr<std::unique_ptr<Task>> {
          return Translation::LoadForInference(job_.spec, dir, parts.stages);
        });
    EXPECT_TRUE(loop.ok()) << loop.status();
    return {.end = (*loop)->Run(), .evaluations = attempt_.sink().All<EvaluationFrame>()};
  }

  TinyTranslationJob job_;
  Attempt attempt_;
};

TEST_F(Translations, LearnWhatTheyAreTrainedOn) {
  job_.spec.eval.reset();
  job_.spec.test = job_.spec.train;
  job_.spec.hyperparameters.epochs = 60;
  const AttemptResult result = Run();
  const EvaluationFrame &before = result.evaluations.front(), &after = result.evaluations.back();
  EXPECT_EQ(before.split, "TEST_BASE");
  EXPECT_EQ(after.split, "TEST");
  std::vector<std::string> names;
  for (const auto& [name, value] : after.metrics) names.push_back(name);
  EXPECT_THAT(names, UnorderedElementsAre("loss", "perplexity", "token_accuracy", "bleu", "chrf"));
  EXPECT_LT(after.metrics.at("loss"), 0.6 * before.metrics.at("loss"));
  EXPECT_GT(after.metrics.at("token_accuracy"), before.metrics.at("token_accuracy") + 0.2);
  EXPECT_GT(after.metrics.at("chrf"), before.metrics.at("chrf"));
}

TEST_F(Translations, ShowTheFirstRowsOfWhatIsMeasured) {
  const AttemptResult result = Run();
  const EvaluationFrame& last = result.evaluations.back();
  EXPECT_EQ(last.examples, 9);
  ASSERT_TRUE(last.samples.has_value());
  ASSERT_EQ(last.samples->size(), 5);
  const auto rows = LoadLabelledText(*job_.spec.test);
  ASSERT_TRUE(rows.ok()) << rows.status();
  for (size_t i = 0; i < last.samples->size(); ++i) {
    EXPECT_EQ((*last.samples)[i].source, (*rows)[i].texts[0]);
    EXPECT_EQ((*last.samples)[i].reference, (*rows)[i].translation);
  }
}

TEST_F(Translations, CountTheTokensOfBothSidesAndWeighTheTargets) {
  job_.spec.hyperparameters.max_length = 4;
  const auto task = job_.LoadTask();
  const auto loss = task->Forward({0, 1, 2}, {});
  ASSERT_TRUE(loss.ok()) << loss.status();
  EXPECT_EQ(loss->losses.size(), 3);
  // Both languages have a word for each word, so both sides are of the same length.
  EXPECT_EQ(loss->tokens, 2 * static_cast<int64_t>(task->TrainWeight({0, 1, 2})));
  EXPECT_LE(task->TrainWeight({0, 1, 2}), 12);
  EXPECT_EQ(task->train_tokens() % 2, 0);
}

TEST_F(Translations, GoThroughDataInBatchesThatDependOnItAlone) {
  const auto task = job_.LoadTask();
  const auto all = task->Predict(Split::kTest, 0);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->outputs.size(0), 9);
  const auto rest = task->Predict(Split::kTest, 4);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->outputs.size(0), 5);
  EXPECT_EQ(rest->outputs.size(1), all->outputs.size(1));
  const auto row = [](const at::Tensor& outputs, int64_t i) {
    return ReadOutput({outputs[i].const_data_ptr<float>(), static_cast<size_t>(outputs.size(1))});
  };
  EXPECT_EQ(row(rest->outputs, 0).translation, row(all->outputs, 4).translation);
  EXPECT_NEAR(row(rest->outputs, 0).loss, row(all->outputs, 4).loss, 1e-4);
}

TEST_F(Translations, AreHeldOutByTheirSource) {
  job_.spec.eval.reset();
  job_.spec.eval_fraction = 0.4;
  const auto task = job_.LoadTask();
  EXPECT_GT(task->examples(Split::kEval), 0);
  EXPECT_EQ(task->train_examples() + task->examples(Split::kEval), 24);
}

TEST_F(Translations, TheExportIsTheTrainedModel) {
  job_.spec.method = "lora";
  job_.spec.hyperparameters.learning_rate = 3e-2;
  const auto task = job_.LoadTask();
  const AttemptResult result = attempt_.Run(job_.spec, *task);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  const auto& end = std::get<SucceededFrame>(*result.end);
  EXPECT_EQ(end.model_type, kMarianSsru);
  EXPECT_THAT(end.labels, ::testing::IsEmpty());
  EXPECT_THAT(Read(JoinPath(ModelDir(), "README.md")),
              ::testing::AllOf(HasSubstr("A translation model"), HasSubstr("| chrF |"),
                               HasSubstr("adapters are merged"), Not(HasSubstr("Labels"))));

  const AttemptResult evaluated = Infer("evaluate", ModelDir());
  ASSERT_TRUE(evaluated.end.ok()) << evaluated.end.status();
  const auto& trained = result.evaluations.back().metrics;
  const auto& read_back = evaluated.evaluations.back().metrics;
  EXPECT_NEAR(read_back.at("loss"), trained.at("loss"), 1e-5);
  EXPECT_EQ(read_back.at("chrf"), trained.at("chrf"));
}

TEST_F(Translations, StartWithTheWeightsOfAnEarlierJob) {
  job_.spec.eval.reset();
  const AttemptResult first = Run();
  const std::string& dir = first.checkpoints.back().dir;
  const auto manifest = DigestFile(PosixFileSystem(), JoinPath(dir, kCheckpointManifest));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  job_.spec.start_dir = dir;
  job_.spec.start_sha256 = manifest->sha256;
  job_.spec.work_dir = job_.Path("second");
  ASSERT_TRUE(PosixFileSystem().MakeDirs(job_.spec.work_dir).ok());
  const AttemptResult second = Attempt().Run(job_.spec, *job_.LoadTask());
  ASSERT_TRUE(second.end.ok()) << second.end.status();
  EXPECT_EQ(second.evaluations.front().metrics, first.evaluations.back().metrics);
}

TEST_F(Translations, OfRowsWithoutReferencesAreLinesOfAFile) {
  job_.spec.test->label_column = "no such column";
  const AttemptResult result = Infer("predict", job_.spec.base_model_dir);
  ASSERT_TRUE(result.end.ok()) << result.end.status();
  EXPECT_THAT(result.evaluations, ::testing::IsEmpty());
  std::istringstream file(
      Read(JoinPath(std::get<SucceededFrame>(*result.end).model_dir, "predictions.jsonl")));
  int lines = 0;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["line"], ++lines);
    EXPECT_TRUE(json["translation"].is_string()) << line;
    EXPECT_EQ(json.size(), 2);
  }
  EXPECT_EQ(lines, 9);
}

TEST_F(Translations, ATranslationNeverIsLongerThanMaxLength) {
  job_.spec.hyperparameters.max_length = 3;
  const auto task = job_.LoadTask();
  const auto batch = task->Predict(Split::kTest, 0);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->outputs.size(1), OutputWidth(3));
}

}  // namespace
}  // namespace attune
