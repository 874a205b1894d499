// SPDX-License-Identifier: Apache-2.0
#include "client/text/job_text.h"

#include <gmock/gmock.h>

namespace attune {
namespace {

const Terminal kPlain;

v1::Job Succeeded() {
  v1::Job job;
  job.set_name("jobs/movie-reviews-k3f9");
  job.set_state(v1::Job::SUCCEEDED);
  job.mutable_spec()->mutable_fine_tune();
  job.mutable_start_time()->set_seconds(1000);
  job.mutable_end_time()->set_seconds(1362);
  job.set_output_model("models/movie-reviews-k3f9");
  auto& test = *job.mutable_final_test();
  test.set_examples(2128);
  (*test.mutable_metrics())["accuracy"] = 0.8461;
  (*test.mutable_metrics())["macro_f1"] = 0.8459;
  (*test.mutable_metrics())["majority"] = 0.5;
  (*job.mutable_base_test()->mutable_metrics())["accuracy"] = 0.5123;
  return job;
}

TEST(JobText, SummarisesSuccess) {
  EXPECT_EQ(Summary(Succeeded(), kPlain),
            "jobs/movie-reviews-k3f9 SUCCEEDED in 6m02s\n"
            "  test accuracy 0.846 on 2,128 rows never trained on (untuned 0.512, majority 0.50), "
            "macro F1 0.846\n"
            "  model    models/movie-reviews-k3f9\n");
}

TEST(JobText, LeavesOutATestThatWasNotMeasured) {
  v1::Job job = Succeeded();
  job.clear_final_test();
  job.clear_base_test();
  EXPECT_EQ(Summary(job, kPlain),
            "jobs/movie-reviews-k3f9 SUCCEEDED in 6m02s\n"
            "  model    models/movie-reviews-k3f9\n");
}

TEST(JobText, SummarisesTheMetricThatTheTaskHas) {
  v1::Job job = Succeeded();
  job.mutable_final_test()->clear_metrics();
  (*job.mutable_final_test()->mutable_metrics())["rmse"] = 0.5;
  (*job.mutable_final_test()->mutable_metrics())["spearman"] = 0.75;
  EXPECT_THAT(Summary(job, kPlain), ::testing::HasSubstr("  test spearman 0.750 on 2,128 rows"));
  job.mutable_final_test()->mutable_metrics()->erase("spearman");
  EXPECT_THAT(Summary(job, kPlain), ::testing::HasSubstr("  test RMSE 0.500 on 2,128 rows"));
}

TEST(JobText, DoesNotSayOfAnEvaluationWhatWasTrainedOn) {
  v1::Job job = Succeeded();
  job.mutable_spec()->mutable_evaluate();
  EXPECT_THAT(Summary(job, kPlain), ::testing::Not(::testing::HasSubstr("never trained on")));
}

TEST(JobText, SummarisesOutputAndMemory) {
  v1::Job job;
  job.set_name("jobs/p");
  job.set_state(v1::Job::SUCCEEDED);
  v1::FileRef& file = *job.add_output_files();
  file.set_path("predictions.jsonl");
  file.set_size_bytes(2048);
  job.mutable_memory()->set_estimated_bytes(3 << 20);
  job.mutable_memory()->set_peak_bytes(2 << 20);
  EXPECT_EQ(Summary(job, kPlain),
            "jobs/p SUCCEEDED\n"
            "  output   predictions.jsonl, 2.0 KiB; fetch it: attune download jobs/p\n"
            "  memory   2.0 MiB at its peak, 3.0 MiB estimated\n");
}

TEST(JobText, SaysWhereAJobGoesOnFromADamagedCheckpoint) {
  v1::JobEvent event;
  v1::CheckpointDamage& damage = *event.mutable_checkpoint_damage();
  damage.set_step(1200);
  damage.set_message("state.json is gone");
  damage.set_fallback_step(1000);
  EXPECT_EQ(EventLine(event, kPlain),
            " warning: the checkpoint of step 1,200 is damaged (state.json is gone); goes on from "
            "the one of step 1,000");
  damage.clear_fallback_step();
  EXPECT_THAT(EventLine(event, kPlain), ::testing::HasSubstr("no other one is left: starts anew"));
}

TEST(JobText, SummarisesFailureWithItsCause) {
  v1::Job job;
  job.set_name("jobs/x");
  job.set_state(v1::Job::FAILED);
  job.mutable_failure()->set_reason(v1::NON_FINITE_LOSS);
  job.mutable_failure()->set_message("loss is NaN at step 7;\nlower the learning rate\x1b[0m");
  EXPECT_EQ(Summary(job, kPlain),
            "jobs/x FAILED\n"
            "  cause    NON_FINITE_LOSS: loss is NaN at step 7;\nlower the learning rate?[0m\n");
}

TEST(JobText, SaysWhereAJobStands) {
  v1::Job job;
  job.set_state(v1::Job::QUEUED);
  job.mutable_queue()->set_position(1);
  EXPECT_EQ(StateWords(job), "queued, position 1");
  job.clear_queue();
  job.set_reason(v1::Job::WAITING_FOR_WORKER);
  EXPECT_EQ(StateWords(job), "queued: waiting for worker");
  job.set_state(static_cast<v1::Job::State>(77));
  job.clear_reason();
  EXPECT_EQ(StateWords(job), "state 77");
}

TEST(JobText, PutsEachEventOnOneLine) {
  v1::JobEvent event;
  event.mutable_state()->set_state(v1::Job::RUNNING);
  event.mutable_state()->set_reason(v1::Job::STARTING);
  EXPECT_EQ(EventLine(event, kPlain), " running (starting)");
  event.mutable_state()->set_message("on\nworkers/local");
  EXPECT_EQ(EventLine(event, kPlain), " running (starting): on?workers/local");

  auto& evaluation = *event.mutable_evaluation();
  evaluation.set_split(v1::Evaluation::EVAL);
  evaluation.set_step(254);
  evaluation.set_best(true);
  for (const char* name : {"zeta", "loss", "macro_f1", "accuracy", "micro_f1", "weighted_f1"}) {
    (*evaluation.mutable_metrics())[name] = 0.5;
  }
  EXPECT_EQ(EventLine(event, kPlain),
            " eval at step 254: accuracy 0.500, macro F1 0.500, loss 0.500, zeta 0.500 (best)");

  event.mutable_checkpoint()->set_step(254);
  event.mutable_checkpoint()->set_write_seconds(0.84);
  EXPECT_EQ(EventLine(event, kPlain), " checkpoint at step 254, written in 0.8s");

  event.mutable_notice()->set_severity(v1::Notice::WARNING);
  event.mutable_notice()->set_message("3 rows are empty");
  EXPECT_EQ(EventLine(event, kPlain), " warning: 3 rows are empty");
  event.mutable_notice()->set_severity(v1::Notice::INFO);
  EXPECT_EQ(EventLine(event, kPlain), " note: 3 rows are empty");
}

v1::Evaluation Translated(double bleu, double chrf, const std::string& translation) {
  v1::Evaluation evaluation;
  (*evaluation.mutable_metrics())["bleu"] = bleu;
  (*evaluation.mutable_metrics())["chrf"] = chrf;
  (*evaluation.mutable_metrics())["loss"] = 1.2345;
  v1::TranslationSample& sample = *evaluation.add_samples();
  sample.set_source("a\x1b cat");
  sample.set_reference("um gato");
  sample.set_translation(translation);
  return evaluation;
}

TEST(JobText, ComparesTranslationsWithThoseOfTheUntunedModel) {
  v1::Job job = Succeeded();
  *job.mutable_final_test() = Translated(52.345, 75.04, "um gato");
  job.mutable_final_test()->set_examples(1500);
  *job.mutable_base_test() = Translated(48.6, 72.8, "uma gata");
  const std::string summary = Summary(job, kPlain);
  EXPECT_EQ(summary.substr(summary.find("  test")),
            "  test BLEU 52.3 on 1,500 rows never trained on (untuned 48.6), chrF 75.0 (72.8)\n"
            "  sample 1\n"
            "    source     a? cat\n"
            "    reference  um gato\n"
            "    untuned    uma gata\n"
            "    tuned      um gato\n"
            "  model    models/movie-reviews-k3f9\n");
}

TEST(JobText, ShowsThreeTranslationsAndNoneTwice) {
  v1::Job job = Succeeded();
  *job.mutable_final_test() = Translated(50, 70, "um gato");
  for (int i = 0; i < 4; ++i) {
    *job.mutable_final_test()->add_samples() = job.final_test().samples(0);
  }
  job.clear_base_test();
  const std::string summary = Summary(job, kPlain);
  EXPECT_THAT(summary, ::testing::HasSubstr("  sample 3\n"));
  EXPECT_THAT(summary, ::testing::Not(::testing::HasSubstr("  sample 4\n")));
  EXPECT_THAT(summary, ::testing::HasSubstr("    model      um gato\n"));
}

TEST(JobText, AnEvaluationOfTranslationsShowsOneOfThem) {
  const v1::Evaluation evaluation = Translated(52.345, 75.04, "um gato");
  EXPECT_EQ(MetricsText(evaluation), "BLEU 52.3, chrF 75.0, loss 1.234");
  EXPECT_EQ(SampleLine(evaluation, kPlain), "   a? cat → um gato");
  EXPECT_EQ(SampleLine(Succeeded().final_test(), kPlain), "");
}

}  // namespace
}  // namespace attune
