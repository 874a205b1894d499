// SPDX-License-Identifier: Apache-2.0
#include "client/spec/job_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "client/client_errors.h"

namespace attune {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kWhole[] = R"(name: jobs/movie
display_name: "Movie reviews"
labels: {team: nlp, year: 2026}
priority: -5
spec:
  fine_tune:
    base_model: models/minilm
    train_dataset: reviews
    eval_fraction: 0.05
    text_classification: {max_length: 128}
    full: {}
    hyperparameters:
      epochs: 3
      learning_rate: 5e-5
      seed: 18446744073709551615
    checkpoints: {interval: 1m30s}
  resources:
    threads: 2
  max_run_duration: 2h
)";

std::string Refusal(const std::string& yaml) {
  const auto job = ParseJobYaml(yaml, "job.yaml");
  EXPECT_EQ(ErrorReasonOf(job.status()), ReasonName(ClientReason::kLocalInput)) << yaml;
  return std::string(job.status().message());
}

TEST(JobYaml, ReadsEveryKindOfField) {
  const auto job = ParseJobYaml(kWhole, "job.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->name(), "jobs/movie");
  EXPECT_EQ(job->labels().at("year"), "2026");
  EXPECT_EQ(job->priority(), -5);
  const v1::FineTune& spec = job->spec().fine_tune();
  EXPECT_EQ(spec.train_dataset(), "reviews");
  EXPECT_DOUBLE_EQ(spec.eval_fraction(), 0.05);
  EXPECT_EQ(spec.text_classification().max_length(), 128);
  EXPECT_TRUE(spec.has_full());
  EXPECT_DOUBLE_EQ(spec.hyperparameters().learning_rate(), 5e-5);
  EXPECT_EQ(spec.hyperparameters().seed(), 18446744073709551615u);
  EXPECT_EQ(spec.checkpoints().interval().seconds(), 90);
  EXPECT_EQ(job->spec().resources().threads(), 2);
  EXPECT_EQ(job->spec().max_run_duration().seconds(), 7200);
}

TEST(JobYaml, ReadsAJobSpecAlone) {
  const auto job = ParseJobYaml("fine_tune: {train_dataset: x}", "job.yaml");
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec().fine_tune().train_dataset(), "x");
}

TEST(JobYaml, NamesLineAndNearestFieldOfAnUnknownOne) {
  EXPECT_THAT(Refusal("spec:\n  fine_tune:\n    train_datset: x\n"),
              AllOf(StartsWith("job.yaml:3:5: "), HasSubstr("did you mean 'train_dataset'?")));
}

TEST(JobYaml, NamesLineAndValueOfTheWrongType) {
  EXPECT_THAT(Refusal("priority: high\n"),
              AllOf(StartsWith("job.yaml:1:11: "), HasSubstr("integer, got 'high'")));
  const std::string head = "fine_tune:\n  hyperparameters:\n    ";
  EXPECT_THAT(Refusal(head + "batch_size: 1e3"), StartsWith("job.yaml:3:17: batch_size must be"));
  EXPECT_THAT(Refusal(head + "learning_rate: .nan"), HasSubstr("finite number"));
  EXPECT_THAT(Refusal(head + "learning_rate: 1e999"), HasSubstr("finite number"));
  EXPECT_THAT(Refusal(head + "epochs: [1, 2]"), HasSubstr("must be one value"));
  EXPECT_THAT(Refusal("max_run_duration: soon\nfine_tune: {}"), HasSubstr("a duration such as"));
  EXPECT_THAT(Refusal("spec: text"), HasSubstr("expected fields of JobSpec"));
}

TEST(JobYaml, RefusesAFieldThatIsThereTwice) {
  EXPECT_THAT(Refusal("priority: 1\npriority: 2\n"), StartsWith("job.yaml:2:1: priority is there"));
  EXPECT_THAT(Refusal("labels: {a: 1, a: 2}"), HasSubstr("a is there twice"));
}

TEST(JobYaml, RefusesWhatIsNotYaml) {
  EXPECT_THAT(Refusal("spec:\n\t- x"), StartsWith("job.yaml:2:2: not YAML"));
  EXPECT_THAT(Refusal("a: [1, 2"), HasSubstr("not YAML"));
  Refusal(std::string(100'000, '['));
  Refusal(std::string((1 << 20) + 1, ' '));
}

TEST(JobYaml, BoundsWhatAliasesExpandTo) {
  std::string bomb = "labels: &a0 {k: v}\n";
  EXPECT_THAT(Refusal("labels: {x: &a [*a]}"), HasSubstr("must be one value"));
  bomb = "spec: &a\n  fine_tune: {hyperparameters: &h {epochs: 1}}\n  <<: *a\n";
  EXPECT_THAT(Refusal(bomb), HasSubstr("unknown field '<<'"));
}

TEST(Settings, SetNestedFields) {
  v1::JobSpec job;
  ASSERT_TRUE(ApplySetting("hyperparameters.learning_rate=1e-4", job).ok());
  ASSERT_TRUE(ApplySetting("evaluation.best_metric=macro_f1", job).ok());
  ASSERT_TRUE(ApplySetting("eval_fraction=0", job).ok());
  ASSERT_TRUE(ApplySetting("checkpoints.interval=30s", job).ok());
  ASSERT_TRUE(ApplySetting("lora.rank=16", job).ok());
  const v1::FineTune& spec = job.fine_tune();
  EXPECT_EQ(spec.lora().rank(), 16);
  EXPECT_DOUBLE_EQ(spec.hyperparameters().learning_rate(), 1e-4);
  EXPECT_EQ(spec.evaluation().best_metric(), "macro_f1");
  EXPECT_EQ(spec.checkpoints().interval().seconds(), 30);
}

TEST(Settings, AreOfTheWorkThatTheJobHas) {
  v1::JobSpec job;
  job.mutable_evaluate();
  ASSERT_TRUE(ApplySetting("dataset=reviews", job).ok());
  EXPECT_EQ(job.evaluate().dataset(), "reviews");
  EXPECT_FALSE(ApplySetting("train_dataset=reviews", job).ok());
}

TEST(Settings, RefuseWithTheNearestPath) {
  v1::JobSpec spec;
  const auto refusal = [&](const char* setting) {
    const absl::Status status = ApplySetting(setting, spec);
    EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kUsage)) << setting;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal("hyperparameters.learning_rat=1"), HasSubstr("did you mean 'learning_rate'"));
  EXPECT_THAT(refusal("hyperparameter.epochs=1"), HasSubstr("did you mean 'hyperparameters'"));
  EXPECT_THAT(refusal("hyperparameters.epochs"), HasSubstr("expected PATH=VALUE"));
  EXPECT_THAT(refusal("hyperparameters.epochs=0,1"), HasSubstr("finite number"));
  EXPECT_THAT(refusal("hyperparameters=3"), HasSubstr("has fields of its own"));
  EXPECT_THAT(refusal("base_model.x=3"), HasSubstr("has no fields"));
  EXPECT_THAT(refusal("=3"), HasSubstr("expected PATH=VALUE"));
}

}  // namespace
}  // namespace attune
