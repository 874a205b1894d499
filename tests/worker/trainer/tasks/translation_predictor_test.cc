// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/translation_predictor.h"

#include <sstream>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/tiny_translation_job.h"
#include "worker/trainer/attempt_runner.h"
#include "worker/trainer/logits.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::TinyTranslationJob;

// predictions.jsonl of a prediction job on the job's test data.
std::vector<Json> ByJob(TrainerSpec spec) {
  spec.work = "predict";
  spec.threads = 2;
  SystemClock clock;
  ThreadExecutor background("checkpoints", 1, clock);
  RunControl control;
  testing::RecordingSink sink;
  AttemptRunner(PosixFileSystem(), background, "").Run(spec, control, sink);
  std::vector<Json> lines;
  for (const SucceededFrame& end : sink.All<SucceededFrame>()) {
    std::istringstream file(
        PosixFileSystem().ReadFile(end.model_dir + "/predictions.jsonl").value_or(""));
    for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  }
  return lines;
}

class TranslationPredictorTest : public ::testing::TestWithParam<int> {};

TEST_P(TranslationPredictorTest, SaysOfARowWhatAJobSays) {
  TinyTranslationJob job;
  job.spec.decoding.beam_size = GetParam();
  job.spec.hyperparameters.max_length = 6;
  const std::vector<Json> lines = ByJob(job.spec);
  const auto examples = LoadLabelledText(*job.spec.test);
  ASSERT_TRUE(examples.ok()) << examples.status();
  ASSERT_EQ(lines.size(), examples->size());

  const auto predictor = LoadPredictor(job.spec.base_model_dir);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  std::vector<std::vector<std::string>> rows;
  for (const LabelledExample& example : *examples) rows.push_back(example.texts);
  const auto predicted = (*predictor)->Predict(rows, {6, job.spec.decoding});
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  ASSERT_EQ(predicted->size(), lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(Json::parse((*predicted)[i])["translation"], lines[i]["translation"]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(BeamSizes, TranslationPredictorTest, ::testing::Values(1, 4));

TEST(TranslationPredictor, TakesOneTextARow) {
  const TinyTranslationJob job;
  const auto predictor = TranslationPredictor::Load(job.spec.base_model_dir);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  const absl::Status status = (*predictor)->Predict({{"a b"}, {"a", "b"}}, {}).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_FIELD");
  EXPECT_THAT(std::string(status.message()), HasSubstr("rows[1].texts"));
}

TEST(TranslationPredictor, RefusesAFolderOfAnotherKind) {
  const testing::TinyJob job;
  EXPECT_EQ(ErrorReasonOf(TranslationPredictor::Load(job.spec.base_model_dir).status()),
            "INVALID_MODEL");
}

TEST(AnswerLogits, JudgesTranslationsTokenByToken) {
  const TinyTranslationJob job;
  std::istringstream in(R"({"text": "a b c", "target": "A B"})");
  std::ostringstream out;
  const absl::Status status = AnswerLogits(job.spec.base_model_dir, "", in, out);
  ASSERT_TRUE(status.ok()) << status;
  const Json answer = Json::parse(out.str());
  EXPECT_EQ(answer["ids"].size(), 4);
  EXPECT_EQ(answer["target_ids"].size(), 3);
  ASSERT_EQ(answer["logits"].size(), 3);
  for (const Json& loss : answer["logits"]) EXPECT_GT(loss.get<double>(), 0);
}

TEST(AnswerLogits, SaysWhatALineOfATranslationModelNeeds) {
  const TinyTranslationJob job;
  std::istringstream in(R"({"text": "a b c"})");
  std::ostringstream out;
  EXPECT_THAT(std::string(AnswerLogits(job.spec.base_model_dir, "", in, out).message()),
              HasSubstr("\"target\""));
}

}  // namespace
}  // namespace attune
