// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"

namespace attune {
namespace {

v1::Lease FullLease() {
  v1::Lease lease;
  const bool parsed = google::protobuf::TextFormat::ParseFromString(
      R"pb(
        job: "jobs/reviews"
        attempt: 3
        fence: 17
        threads: 4
        spec {
          fine_tune {
            base_model: "models/minilm"
            eval_fraction: 0.05
            text_classification { max_length: 256 }
            hyperparameters {
              epochs: 2.5
              batch_size: 32
              gradient_accumulation_steps: 2
              learning_rate: 0.0001
              warmup_ratio: 0.1
              weight_decay: 0.01
              adam_beta1: 0.8
              adam_beta2: 0.98
              adam_epsilon: 1e-6
              max_grad_norm: 0.5
              dropout: 0
              seed: 42
              max_steps: 70
            }
            evaluation { every_steps: 20 best_metric: "macro_f1" }
            checkpoints {
              interval { seconds: 90 nanos: 500000000 }
              every_steps: 7
            }
          }
        }
        base_model_files { path: "config.json" sha256: "a" }
        base_model_files { path: "1_Pooling/config.json" sha256: "b" }
        train {
          file { path: "../../evil.csv" sha256: "c" }
          format: CSV
          columns { text: "review" text: "title" label: "stars" }
        }
        test {
          file { path: "test.tsv" sha256: "d" }
          format: TSV
        }
        labels: "1"
        labels: "2"
        resume_files { path: "manifest.json" sha256: "e" }
        resume_step: 40
      )pb",
      &lease);
  EXPECT_TRUE(parsed);
  return lease;
}

const AttemptFolder kFolder("/work/attempts/reviews-f17");

TEST(TrainerSpecOf, CarriesEveryFieldOfTheLease) {
  const auto spec = TrainerSpecOf(FullLease(), kFolder, 8, "cpu");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->job, "jobs/reviews");
  EXPECT_EQ(spec->attempt, 3);
  EXPECT_EQ(spec->fence, 17);
  EXPECT_EQ(spec->threads, 4);
  EXPECT_EQ(spec->base_model_dir, "/work/attempts/reviews-f17/base");
  EXPECT_EQ(spec->base_model_name, "models/minilm");
  EXPECT_EQ(spec->train.format, "csv");
  EXPECT_THAT(spec->train.text_columns, ::testing::ElementsAre("review", "title"));
  EXPECT_EQ(spec->train.label_column, "stars");
  EXPECT_FALSE(spec->eval.has_value());
  EXPECT_EQ(spec->eval_fraction, 0.05);
  ASSERT_TRUE(spec->test.has_value());
  EXPECT_EQ(spec->test->format, "tsv");
  EXPECT_THAT(spec->test->text_columns, ::testing::ElementsAre("text"));
  EXPECT_EQ(spec->test->label_column, "label");
  const HyperparameterSpec& h = spec->hyperparameters;
  EXPECT_EQ(h.epochs, 2.5);
  EXPECT_EQ(h.batch_size, 32);
  EXPECT_EQ(h.gradient_accumulation_steps, 2);
  EXPECT_EQ(h.learning_rate, 0.0001);
  EXPECT_EQ(h.warmup_ratio, 0.1);
  EXPECT_EQ(h.weight_decay, 0.01);
  EXPECT_EQ(h.adam_beta1, 0.8);
  EXPECT_EQ(h.adam_beta2, 0.98);
  EXPECT_EQ(h.adam_epsilon, 1e-6);
  EXPECT_EQ(h.max_grad_norm, 0.5);
  EXPECT_EQ(h.dropout, 0);
  EXPECT_EQ(h.seed, 42u);
  EXPECT_EQ(h.max_length, 256);
  EXPECT_EQ(spec->max_steps, 70);
  EXPECT_EQ(spec->eval_every_steps, 20);
  EXPECT_EQ(spec->best_metric, "macro_f1");
  EXPECT_EQ(spec->checkpoint_interval_seconds, 90.5);
  EXPECT_EQ(spec->checkpoint_every_steps, 7);
  EXPECT_EQ(spec->resume_dir, "/work/attempts/reviews-f17/resume");
}

TEST(TrainerSpecOf, LeavesDropoutToTheBaseWhenNobodySetIt) {
  v1::Lease lease = FullLease();
  lease.mutable_spec()->mutable_fine_tune()->mutable_hyperparameters()->clear_dropout();
  EXPECT_LT(TrainerSpecOf(lease, kFolder, 8, "cpu")->hyperparameters.dropout, 0);
}

TEST(TrainerSpecOf, AnEvalDatasetReplacesTheFraction) {
  v1::Lease lease = FullLease();
  *lease.mutable_eval() = lease.test();
  const auto spec = TrainerSpecOf(lease, kFolder, 8, "cpu");
  EXPECT_TRUE(spec->eval.has_value());
  EXPECT_EQ(spec->eval_fraction, 0);
}

TEST(TrainerSpecOf, RefusesWhatThisWorkerDoesNotKnow) {
  v1::Lease lease = FullLease();
  lease.mutable_train()->set_format(static_cast<v1::Dataset::Format>(99));
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, 8, "cpu").status().code(),
            absl::StatusCode::kInvalidArgument);
  lease = FullLease();
  lease.mutable_spec()->mutable_fine_tune()->clear_task();
  EXPECT_EQ(TrainerSpecOf(lease, kFolder, 8, "cpu").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(InputsOf, PutsEveryFileUnderTheAttemptsFolderWhateverTheUserCalledIt) {
  const auto inputs = InputsOf(FullLease(), kFolder);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  std::vector<std::string> destinations;
  for (const InputFile& input : *inputs) destinations.push_back(input.destination);
  EXPECT_THAT(destinations,
              ::testing::ElementsAre(kFolder.root() + "/base/config.json",
                                     kFolder.root() + "/base/1_Pooling/config.json",
                                     kFolder.root() + "/data/train", kFolder.root() + "/data/test",
                                     kFolder.root() + "/resume/manifest.json"));
}

TEST(InputsOf, RefusesPathsThatLeaveTheFolder) {
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "", "a//b", "."}) {
    v1::Lease lease = FullLease();
    lease.mutable_base_model_files(0)->set_path(path);
    EXPECT_EQ(InputsOf(lease, kFolder).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

TEST(AttemptFolder, NamesNoFolderOutsideWhateverTheJobIsCalled) {
  EXPECT_EQ(AttemptFolder::For("/work", "jobs/reviews", 17).root(), "/work/attempts/reviews-f17");
  const std::string odd = AttemptFolder::For("/work", "jobs/../../etc", 1).root();
  EXPECT_EQ(odd.find(".."), std::string::npos) << odd;
  EXPECT_EQ(odd.rfind('/'), std::string("/work/attempts").size()) << odd;
}

}  // namespace
}  // namespace attune
