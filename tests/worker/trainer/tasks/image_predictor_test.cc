// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/tasks/image_predictor.h"

#include <sstream>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/worker/trainer/testing/tiny_image_job.h"
#include "worker/trainer/logits.h"

namespace attune {
namespace {

using testing::Attempt;
using ::testing::HasSubstr;
using testing::TinyImageJob;

class ImagePredictorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    job_.spec.method = "head";
    const auto task = job_.LoadTask();
    const auto result = Attempt().Run(job_.spec, *task);
    ASSERT_TRUE(result.end.ok()) << result.end.status();
    exported_ = *task->WriteModel(Dir());
  }
  std::string Dir() const { return JoinPath(job_.spec.work_dir, "model"); }
  std::string Image(size_t row) const {
    return nlohmann::json::parse(exported_.probe[row].request)["image"];
  }

  TinyImageJob job_;
  ExportedModel exported_;
};

TEST_F(ImagePredictorTest, SaysOfAnImageWhatTheJobSays) {
  const auto predictor = LoadPredictor(Dir());
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  const auto lines = (*predictor)->Predict({{Image(0)}, {Image(1)}}, {});
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 2);
  const auto answer = nlohmann::json::parse((*lines)[1]);
  const std::vector<float>& logits = exported_.probe[1].outputs;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit);
  for (size_t c = 0; c < logits.size(); ++c) {
    EXPECT_NEAR(answer["scores"][job_.spec.labels[c]].get<double>(), std::exp(logits[c]) / sum,
                1e-5);
  }
}

TEST_F(ImagePredictorTest, RefusesARowThatIsNoImageByItsPlace) {
  const auto predictor = *LoadPredictor(Dir());
  const auto message = [&](const std::string& row) {
    return std::string(predictor->Predict({{Image(0)}, {row}}, {}).status().message());
  };
  EXPECT_THAT(message("a text, not base64"), HasSubstr("rows[1].image"));
  EXPECT_THAT(message(absl::Base64Escape("<svg/>")), HasSubstr("rows[1].image"));
}

// What the fresh process does that an export is read back in.
TEST_F(ImagePredictorTest, TheLogitsOfAFreshlyOpenedFolderAreTheTrainedModels) {
  std::stringstream in, out;
  for (const ProbeRow& row : exported_.probe) in << row.request << "\n";
  ASSERT_TRUE(AnswerLogits(Dir(), "", in, out).ok());
  std::string line;
  for (const ProbeRow& row : exported_.probe) {
    ASSERT_TRUE(std::getline(out, line));
    const auto logits = nlohmann::json::parse(line)["logits"].get<std::vector<float>>();
    ASSERT_EQ(logits.size(), row.outputs.size());
    for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], row.outputs[i], 1e-4);
  }
}

TEST_F(ImagePredictorTest, ABaseWithoutAClassifierIsRefused) {
  const absl::Status status = LoadPredictor(job_.spec.base_model_dir).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("no classifier"));
}

}  // namespace
}  // namespace attune
