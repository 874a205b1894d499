// SPDX-License-Identifier: Apache-2.0
// What every objective promises; their numbers against scikit-learn's are in
// tests/parity/objectives_parity.py.
#include "worker/trainer/tasks/objective.h"

#include <algorithm>
#include <numeric>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "worker/trainer/tasks/metrics.h"
#include "worker/trainer/tasks/single_label.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

LabelledExample Row(std::vector<std::string> labels, double target) {
  LabelledExample example;
  example.labels = std::move(labels);
  example.target = target;
  return example;
}

struct Problem {
  TrainerSpec spec;
  Labels labels;
};

Problem ProblemOf(const std::string& kind) {
  Problem problem;
  problem.spec.class_weighting = kind == "single" ? "balanced" : "";
  problem.spec.hyperparameters.label_smoothing = kind == "single" ? 0.1 : 0;
  if (kind != "number") problem.spec.labels = {"a", "b", "c"};
  std::vector<LabelledExample> rows = {Row({"a"}, 0.5), Row({"b"}, -1), Row({"c"}, 2),
                                       Row({"a"}, 0.25)};
  if (kind == "multi") rows[1].labels = {"a", "c"}, rows[2].labels = {};
  problem.labels = *Labels::Make(kind, rows, problem.spec.labels);
  return problem;
}

class AnObjective : public ::testing::TestWithParam<std::string> {
 protected:
  AnObjective()
      : problem_(ProblemOf(GetParam())),
        objective_(MakeObjective(problem_.spec, GetParam(), problem_.labels)) {
    at::manual_seed(3);
    logits_ = at::randn({4, objective_->outputs()});
  }
  Problem problem_;
  std::unique_ptr<Objective> objective_;
  at::Tensor logits_;
};

TEST_P(AnObjective, HasTheGradientOfItsLosses) {
  const std::vector<int64_t> examples = {2, 0, 3};  // in another order than the rows
  const at::Tensor grad = objective_->Gradient(logits_, problem_.labels, examples, 0.25);
  ASSERT_THAT(grad.sizes(), ElementsAre(3, objective_->outputs()));
  const auto sum = [&](const at::Tensor& logits) {
    const std::vector<double> losses = objective_->Losses(logits, problem_.labels, examples);
    return std::accumulate(losses.begin(), losses.end(), 0.0);
  };
  for (int64_t i = 0; i < grad.numel(); ++i) {
    constexpr float kStep = 1.0f / 128;
    at::Tensor up = logits_.clone(), down = logits_.clone();
    up.view(-1)[i] += kStep;
    down.view(-1)[i] -= kStep;
    EXPECT_NEAR(grad.view(-1)[i].item<double>(), 0.25 * (sum(up) - sum(down)) / (2 * kStep), 1e-4);
  }
}

TEST_P(AnObjective, MeasuresTheMetricsOfItsKind) {
  const std::vector<std::string> names = MetricsOf(GetParam());
  const EvaluationFrame frame = objective_->Measure(logits_, problem_.labels);
  EXPECT_EQ(frame.examples, 4);
  EXPECT_EQ(frame.confusion.empty(), GetParam() != "single");
  for (const auto& [name, value] : frame.metrics) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
  for (const std::string& name : names) {
    const bool undefined = (name == "auc" && GetParam() == "multi") || name == "top5_accuracy";
    EXPECT_TRUE(frame.metrics.contains(name) || undefined) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, AnObjective, ::testing::Values("single", "multi", "number"));

TEST(SingleLabel, WeighsClassesByTheirRows) {
  const Problem problem = ProblemOf("single");
  EXPECT_THAT(BalancedWeights(problem.labels, 3), ElementsAre(4.0 / 6, 4.0 / 3, 4.0 / 3));
  EXPECT_THAT(BalancedWeights(problem.labels, 4), ElementsAre(0.5, 1, 1, 0));
  const auto objective = MakeObjective(problem.spec, "single", problem.labels);
  EXPECT_DOUBLE_EQ(objective->Weight(problem.labels, 0), 4.0 / 6);
}

// As scikit-learn's top_k_accuracy_score breaks ties.
TEST(SingleLabel, CountsATrueClassAmongTheFiveLikeliest) {
  TrainerSpec spec;
  spec.labels = {"a", "b", "c", "d", "e", "f"};
  const Labels labels =
      *Labels::Make("single", {Row({"a"}, 0), Row({"b"}, 0), Row({"f"}, 0)}, spec.labels);
  const at::Tensor logits = at::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f,   // the sixth
                                        2.0f, 2.0f, 2.0f, 2.0f, 2.0f, 1.0f,   // the fourth
                                        0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f})  // the first
                                .view({3, 6});
  const EvaluationFrame frame = MakeObjective(spec, "single", labels)->Measure(logits, labels);
  EXPECT_DOUBLE_EQ(frame.metrics.at("top5_accuracy"), 2.0 / 3);
}

TEST(SingleLabel, LeavesAucOutWhereAClassIsMissing) {
  TrainerSpec spec;
  spec.labels = {"a", "b"};
  const Labels labels = *Labels::Make("single", {Row({"a"}, 0), Row({"a"}, 0)}, spec.labels);
  const EvaluationFrame frame =
      MakeObjective(spec, "single", labels)->Measure(at::zeros({2, 2}), labels);
  EXPECT_FALSE(frame.metrics.contains("auc"));
  EXPECT_TRUE(frame.metrics.contains("accuracy"));
}

TEST(Prediction, IsWrittenAsItsKindSays) {
  const at::Tensor logits = at::tensor({-20.0f, 20.0f, 20.5f});
  const auto line = [&](const std::string& kind) {
    return MakeObjective(ProblemOf(kind).spec, kind, {})
        ->Prediction(logits.const_data_ptr<float>())
        .dump();
  };
  EXPECT_THAT(line("single"), HasSubstr(R"({"label":"c","scores":{"a":)"));
  EXPECT_THAT(line("multi"), HasSubstr(R"({"labels":["b","c"],"scores":{"a":)"));
  EXPECT_EQ(line("number"), R"({"value":-20.0})");
}

}  // namespace
}  // namespace attune
