// SPDX-License-Identifier: Apache-2.0
#include "client/text/progress_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/text/words.h"

namespace attune {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ProgressView HalfWay() {
  ProgressView view;
  view.step = 381;
  view.total_steps = 762;
  view.epoch = 1.5;
  view.total_epochs = 3;
  view.loss = 0.3121;
  view.learning_rate = 2.5e-5;
  view.tokens_per_second = 1917;
  view.eta_seconds = 190;
  view.eval_metric = "accuracy";
  view.eval_value = 0.8461;
  return view;
}

TEST(ProgressLine, ShowsAllOfItWithABarWhereThereIsRoom) {
  EXPECT_EQ(LiveLine(HalfWay(), {.live = true, .colour = false, .columns = 130}),
            " step 381/762  epoch 1.50/3  loss 0.312  lr 2.5e-05  1,917 tok/s  eval accuracy 0.846"
            "  ETA 3:10  ███████░░░░░░░");
}

TEST(ProgressLine, LeavesOutWhatMattersLeastWhereThereIsNot) {
  EXPECT_EQ(LiveLine(HalfWay(), {.live = true, .colour = false, .columns = 60}),
            " step 381/762  loss 0.312  eval accuracy 0.846  ETA 3:10");
  for (int columns = 20; columns < 140; ++columns) {
    EXPECT_LT(DisplayWidth(LiveLine(HalfWay(), {true, false, columns})), columns);
  }
}

TEST(ProgressLine, ColoursOnlyTheBar) {
  const std::string line = LiveLine(HalfWay(), {.live = true, .colour = true, .columns = 130});
  EXPECT_THAT(line, HasSubstr("\x1b[32m███████░░░░░░░\x1b[0m"));
}

TEST(ProgressLine, LeavesOutWhatIsNotKnown) {
  ProgressView view;
  view.step = 3;
  EXPECT_EQ(PlainLine(view), " step 3  epoch 0.00");
  EXPECT_EQ(LiveLine(view, {true, false, 100}), " step 3  epoch 0.00");
}

TEST(ProgressLine, TakesOnlyEvaluationsDuringTraining) {
  ProgressView view;
  v1::Evaluation test;
  test.set_split(v1::Evaluation::TEST);
  (*test.mutable_metrics())["accuracy"] = 0.9;
  Update(view, test);
  EXPECT_THAT(PlainLine(view), Not(HasSubstr("eval")));
  test.set_split(v1::Evaluation::EVAL);
  Update(view, test);
  EXPECT_THAT(PlainLine(view), HasSubstr("eval accuracy 0.900"));
}

TEST(ProgressLine, FollowsStepMetrics) {
  v1::Progress progress;
  progress.set_total_steps(10);
  progress.set_total_epochs(2.5);
  ProgressView view = ViewOf(progress);
  v1::StepMetrics metrics;
  metrics.set_step(4);
  metrics.set_epoch(1);
  metrics.set_loss(0.5);
  metrics.set_learning_rate(1e-5);
  metrics.set_tokens_per_second(8.25);
  metrics.set_eta_seconds(5);
  Update(view, metrics);
  EXPECT_EQ(PlainLine(view),
            " step 4/10  epoch 1.00/2.5  loss 0.500  lr 1e-05  8.2 tok/s  ETA 0:05");
}

TEST(ProgressLine, CountsImagesWhereThereAreNoTokens) {
  ProgressView view;
  v1::StepMetrics metrics;
  metrics.set_samples_per_second(41);
  Update(view, metrics);
  EXPECT_THAT(PlainLine(view), AllOf(HasSubstr("  41 img/s"), Not(HasSubstr("tok/s"))));
  v1::Progress progress;
  progress.set_tokens_per_second(0);
  progress.set_samples_per_second(8.25);
  EXPECT_THAT(PlainLine(ViewOf(progress)), HasSubstr("8.2 img/s"));
}

TEST(ProgressLine, TellsHowWellItTranslates) {
  v1::Evaluation evaluation;
  evaluation.set_split(v1::Evaluation::EVAL);
  (*evaluation.mutable_metrics())["loss"] = 1;
  (*evaluation.mutable_metrics())["chrf"] = 72.83;
  ProgressView view;
  Update(view, evaluation);
  EXPECT_THAT(PlainLine(view), HasSubstr("  eval chrF 72.8"));
}

}  // namespace
}  // namespace attune
