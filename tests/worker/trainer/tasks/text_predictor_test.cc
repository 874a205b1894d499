// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/text_predictor.h"

#include <sstream>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/tiny_job.h"
#include "worker/trainer/attempt_runner.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// Trains for a moment, and gives the folder of what came of it.
std::string TunedModel(testing::TinyJob& job, AttemptRunner& runner) {
  job.spec.threads = 2;
  job.spec.max_steps = 2;
  RunControl control;
  testing::RecordingSink sink;
  runner.Run(job.spec, control, sink);
  const auto ends = sink.All<SucceededFrame>();
  return ends.empty() ? "" : ends[0].model_dir;
}

// predictions.jsonl of a prediction job on test.csv.
std::vector<Json> ByJob(testing::TinyJob& job, AttemptRunner& runner,
                        const std::string& model_dir) {
  job.spec.work = "predict";
  job.spec.base_model_dir = model_dir;
  RunControl control;
  testing::RecordingSink sink;
  runner.Run(job.spec, control, sink);
  std::vector<Json> lines;
  for (const SucceededFrame& end : sink.All<SucceededFrame>()) {
    std::istringstream file(
        PosixFileSystem().ReadFile(end.model_dir + "/predictions.jsonl").value_or(""));
    for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  }
  return lines;
}

struct Case {
  std::string label_kind, pooling;
};

class TextPredictorTest : public ::testing::TestWithParam<Case> {};

TEST_P(TextPredictorTest, SaysOfARowWhatAJobSays) {
  testing::TinyJob job(GetParam().label_kind);
  job.spec.pooling = GetParam().pooling;
  SystemClock clock;
  ThreadExecutor background("checkpoints", 1, clock);
  AttemptRunner runner(PosixFileSystem(), background, "");
  const std::string model_dir = TunedModel(job, runner);
  ASSERT_NE(model_dir, "");
  const std::vector<Json> lines = ByJob(job, runner, model_dir);
  DatasetSpec data = *job.spec.test;
  data.label_kind = "none";
  const auto examples = LoadLabelledText(data);
  ASSERT_TRUE(examples.ok()) << examples.status();
  ASSERT_EQ(lines.size(), examples->size());

  const auto predictor = TextPredictor::Load(model_dir);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  std::vector<std::vector<std::string>> rows;
  for (const LabelledExample& example : *examples) rows.push_back(example.texts);
  const auto predicted = (*predictor)->Predict(rows, {job.spec.hyperparameters.max_length});
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  ASSERT_EQ(predicted->size(), lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    Json expected = lines[i];
    expected.erase("line");
    EXPECT_EQ(Json::parse((*predicted)[i]), expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TextPredictorTest,
                         ::testing::Values(Case{"single", ""}, Case{"multi", ""},
                                           Case{"number", ""}, Case{"single", "mean"},
                                           Case{"number", "mean"}));

TEST(TextPredictor, RefusesAModelWithoutAClassifier) {
  testing::TinyJob job;
  const absl::Status status = TextPredictor::Load(job.spec.base_model_dir).status();
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
  EXPECT_THAT(std::string(status.message()), HasSubstr("no classifier"));
}

}  // namespace
}  // namespace attune
