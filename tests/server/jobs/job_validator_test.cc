// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_validator.h"

#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/jobs/job_world.h"

namespace attune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

std::vector<std::string> FieldsOf(const v1::CreateJobRequest& request) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ValidateJob(request)) fields.push_back(violation.field);
  return fields;
}

std::vector<std::string> FieldsAfter(const std::function<void(v1::CreateJobRequest&)>& change) {
  v1::CreateJobRequest request = JobWorld::Request();
  change(request);
  return FieldsOf(request);
}

v1::FineTune& TuneOf(v1::CreateJobRequest& request) {
  return *request.mutable_job()->mutable_spec()->mutable_fine_tune();
}

TEST(JobValidator, AcceptsTheLeastRequest) {
  EXPECT_THAT(ValidateJob(JobWorld::Request()), IsEmpty());
}

TEST(JobValidator, WorkIsToldOfEveryMissingField) {
  EXPECT_THAT(FieldsOf({}), ElementsAre("job.spec.work"));
  const auto with = [](const std::function<void(v1::JobSpec&)>& set) {
    v1::CreateJobRequest request;
    set(*request.mutable_job()->mutable_spec());
    return FieldsOf(request);
  };
  EXPECT_THAT(with([](auto& spec) { spec.mutable_fine_tune(); }),
              UnorderedElementsAre("job.spec.fine_tune.base_model",
                                   "job.spec.fine_tune.train_dataset", "job.spec.fine_tune.task"));
  EXPECT_THAT(with([](auto& spec) { spec.mutable_evaluate()->set_max_length(-1); }),
              UnorderedElementsAre("job.spec.evaluate.model", "job.spec.evaluate.dataset",
                                   "job.spec.evaluate.max_length"));
  EXPECT_THAT(with([](auto& spec) {
                spec.mutable_evaluate()->mutable_decoding()->set_beam_size(33);
                spec.mutable_evaluate()->mutable_decoding()->set_length_penalty(-1);
              }),
              UnorderedElementsAre("job.spec.evaluate.model", "job.spec.evaluate.dataset",
                                   "job.spec.evaluate.decoding.beam_size",
                                   "job.spec.evaluate.decoding.length_penalty"));
  EXPECT_THAT(with([](auto& spec) { spec.mutable_predict()->set_model("models/A"); }),
              UnorderedElementsAre("job.spec.predict.model", "job.spec.predict.dataset"));
}

TEST(JobValidator, AcceptsEveryKindOfWorkAndMethod) {
  EXPECT_THAT(ValidateJob(JobWorld::EvaluateRequest("a", "tuned")), IsEmpty());
  EXPECT_THAT(ValidateJob(JobWorld::PredictRequest("a", "tuned")), IsEmpty());
  EXPECT_THAT(FieldsAfter([](auto& r) { TuneOf(r).mutable_lora(); }), IsEmpty());
  EXPECT_THAT(FieldsAfter([](auto& r) { TuneOf(r).mutable_head(); }), IsEmpty());
  EXPECT_THAT(FieldsAfter([](auto& r) { TuneOf(r).mutable_partial()->set_top_layers(2); }),
              IsEmpty());
}

TEST(JobValidator, RefusesMethodsThatMakeNoSense) {
  EXPECT_THAT(FieldsAfter([](auto& r) {
                v1::LoraTuning& lora = *TuneOf(r).mutable_lora();
                lora.set_rank(0);
                lora.set_alpha(0);
                lora.set_dropout(1);
                for (const char* module : {"query", "all-linear", "query", "a b", ""}) {
                  lora.add_target_modules(module);
                }
              }),
              UnorderedElementsAre("job.spec.fine_tune.lora.rank", "job.spec.fine_tune.lora.alpha",
                                   "job.spec.fine_tune.lora.dropout",
                                   "job.spec.fine_tune.lora.target_modules[1]",
                                   "job.spec.fine_tune.lora.target_modules[2]",
                                   "job.spec.fine_tune.lora.target_modules[3]",
                                   "job.spec.fine_tune.lora.target_modules[4]"));
  EXPECT_THAT(FieldsAfter([](auto& r) {
                for (int i = 0; i < 65; ++i) {
                  TuneOf(r).mutable_lora()->add_target_modules(absl::StrCat("m", i));
                }
              }),
              ElementsAre("job.spec.fine_tune.lora.target_modules"));
  EXPECT_THAT(FieldsAfter([](auto& r) { TuneOf(r).mutable_partial(); }),
              ElementsAre("job.spec.fine_tune.partial.top_layers"));
}

TEST(JobValidator, ChecksEveryParameterGroup) {
  EXPECT_THAT(FieldsAfter([](auto& r) {
                v1::Hyperparameters& h = *TuneOf(r).mutable_hyperparameters();
                for (const char* prefix : {"classifier", "classifier", "", "bert/encoder"}) {
                  v1::ParameterGroup& group = *h.add_parameter_groups();
                  group.set_prefix(prefix);
                  group.set_learning_rate(1e-4);
                }
                h.mutable_parameter_groups(0)->set_learning_rate(0);
              }),
              ElementsAre("job.spec.fine_tune.hyperparameters.parameter_groups[0].learning_rate",
                          "job.spec.fine_tune.hyperparameters.parameter_groups[1].prefix",
                          "job.spec.fine_tune.hyperparameters.parameter_groups[2].prefix",
                          "job.spec.fine_tune.hyperparameters.parameter_groups[3].prefix"));
}

TEST(JobValidator, RefusesValuesOfEnumsThatItDoesNotKnow) {
  EXPECT_THAT(FieldsAfter([](auto& r) {
                TuneOf(r).mutable_hyperparameters()->set_schedule(static_cast<v1::Schedule>(9));
                TuneOf(r).mutable_text_classification()->set_class_weighting(
                    static_cast<v1::ClassWeighting>(9));
                TuneOf(r).mutable_text_classification()->set_pooling(static_cast<v1::Pooling>(9));
              }),
              UnorderedElementsAre("job.spec.fine_tune.hyperparameters.schedule",
                                   "job.spec.fine_tune.text_classification.class_weighting",
                                   "job.spec.fine_tune.text_classification.pooling"));
}

TEST(JobValidator, EarlyStoppingNeedsEvaluationsToStopBy) {
  const auto with = [](const std::function<void(v1::FineTune&)>& change) {
    return FieldsAfter([&](auto& r) {
      TuneOf(r).mutable_evaluation()->set_early_stopping_patience(2);
      change(TuneOf(r));
    });
  };
  EXPECT_THAT(with([](auto&) {}),
              ElementsAre("job.spec.fine_tune.evaluation.early_stopping_patience"));
  EXPECT_THAT(with([](auto& tune) { tune.set_eval_fraction(0.1); }), IsEmpty());
  EXPECT_THAT(with([](auto& tune) { tune.set_eval_dataset("datasets/held-out"); }), IsEmpty());
  EXPECT_THAT(with([](auto& tune) {
                tune.set_eval_fraction(0.1);
                tune.mutable_evaluation()->set_early_stopping_patience(-1);
                tune.mutable_evaluation()->set_early_stopping_min_delta(std::nan(""));
              }),
              ElementsAre("job.spec.fine_tune.evaluation.early_stopping_patience",
                          "job.spec.fine_tune.evaluation.early_stopping_min_delta"));
}

struct BadNumber {
  const char* field;
  std::function<void(v1::Hyperparameters&)> set;
};

TEST(JobValidator, RefusesNumbersOutsideTheirRange) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  using H = v1::Hyperparameters;
  const BadNumber cases[] = {
      {"learning_rate", [=](H& h) { h.set_learning_rate(nan); }},
      {"learning_rate", [=](H& h) { h.set_learning_rate(inf); }},
      {"learning_rate", [](H& h) { h.set_learning_rate(-1); }},
      {"learning_rate", [](H& h) { h.set_learning_rate(0); }},
      {"learning_rate", [](H& h) { h.set_learning_rate(1e308); }},
      {"epochs", [](H& h) { h.set_epochs(0); }},
      {"epochs", [](H& h) { h.set_epochs(-1); }},
      {"epochs", [](H& h) { h.set_epochs(9.2e18); }},
      {"epochs", [=](H& h) { h.set_epochs(nan); }},
      {"batch_size", [](H& h) { h.set_batch_size(0); }},
      {"batch_size", [](H& h) { h.set_batch_size(65537); }},
      {"gradient_accumulation_steps", [](H& h) { h.set_gradient_accumulation_steps(4097); }},
      {"warmup_ratio", [](H& h) { h.set_warmup_ratio(1); }},
      {"warmup_steps", [](H& h) { h.set_warmup_steps(-1); }},
      {"weight_decay", [](H& h) { h.set_weight_decay(1.5); }},
      {"adam_beta1", [](H& h) { h.set_adam_beta1(1); }},
      {"adam_beta2", [](H& h) { h.set_adam_beta2(-0.1); }},
      {"adam_epsilon", [](H& h) { h.set_adam_epsilon(0); }},
      {"max_grad_norm", [=](H& h) { h.set_max_grad_norm(inf); }},
      {"dropout", [](H& h) { h.set_dropout(1); }},
      {"max_steps", [](H& h) { h.set_max_steps(-1); }},
      {"label_smoothing", [](H& h) { h.set_label_smoothing(1); }},
  };
  for (const BadNumber& bad : cases) {
    EXPECT_THAT(FieldsAfter([&](auto& r) { bad.set(*TuneOf(r).mutable_hyperparameters()); }),
                ElementsAre(absl::StrCat("job.spec.fine_tune.hyperparameters.", bad.field)));
  }
}

TEST(JobValidator, SaysLimitAndWhatItGot) {
  v1::CreateJobRequest request = JobWorld::Request();
  TuneOf(request).mutable_hyperparameters()->set_learning_rate(std::nan(""));
  EXPECT_EQ(ValidateJob(request).at(0).description, "must be above 0 and at most 1, got nan");
}

TEST(JobValidator, RefusesNamesThatAreNoIds) {
  for (const char* name : {"models/", "base", "models/Base", "models/a\nb", "models/\x1b[31m",
                           "models/-a", "datasets/base", "models/\u202E"}) {
    EXPECT_THAT(FieldsAfter([&](auto& r) { TuneOf(r).set_base_model(name); }),
                ElementsAre("job.spec.fine_tune.base_model"))
        << name;
  }
  EXPECT_THAT(FieldsAfter([](auto& r) { r.set_job_id(std::string("a\0b", 3)); }),
              ElementsAre("job_id"));
  EXPECT_THAT(FieldsAfter([](auto& r) { r.set_job_id_prefix(std::string(41, 'a')); }),
              ElementsAre("job_id_prefix"));
}

TEST(JobValidator, NeverEchoesControlBytes) {
  v1::CreateJobRequest request = JobWorld::Request("a\x1b[31m");
  request.mutable_job()->set_display_name("b\x07\u202Ec");
  request.set_request_id(std::string(10240, '\n'));
  const auto violations = ValidateJob(request);
  ASSERT_EQ(violations.size(), 3U);
  for (const FieldViolation& violation : violations) {
    EXPECT_LT(violation.description.size(), 400U);
    for (char c : violation.description) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    EXPECT_THAT(violation.description, Not(HasSubstr("\u202E")));
  }
}

TEST(JobValidator, DisplayNamesHoldWhatPeopleWriteAndNoControls) {
  const auto with = [](const std::string& name) {
    return FieldsAfter([&](auto& r) { r.mutable_job()->set_display_name(name); });
  };
  EXPECT_THAT(with("Отзывы — 评论 🎬"), IsEmpty());
  EXPECT_THAT(with(std::string(128, 'x')), IsEmpty());
  EXPECT_THAT(with(std::string(129, 'x')), ElementsAre("job.display_name"));
  for (const char* bad : {"a\nb", "a\x7f", "\u200E", "\u2066x", "\u0085"}) {
    EXPECT_THAT(with(bad), ElementsAre("job.display_name")) << bad;
  }
}

TEST(JobValidator, ARequestIdMustBeAUuid) {
  const auto with = [](const std::string& id) {
    return FieldsAfter([&](auto& r) { r.set_request_id(id); });
  };
  EXPECT_THAT(with("1b4e28ba-2fa1-41d2-883f-0016d3cca427"), IsEmpty());
  EXPECT_THAT(with("1b4e28ba2fa141d2883f0016d3cca427"), ElementsAre("request_id"));
  EXPECT_THAT(with("zb4e28ba-2fa1-41d2-883f-0016d3cca427"), ElementsAre("request_id"));
  EXPECT_THAT(with(std::string(10240, 'a')), ElementsAre("request_id"));
}

TEST(JobValidator, AMillionLabelsAreOneViolation) {
  EXPECT_THAT(FieldsAfter([](auto& r) {
                for (int i = 0; i < 1'000'000; ++i) {
                  (*r.mutable_job()->mutable_labels())[absl::StrCat(i)] = "x";
                }
              }),
              ElementsAre("job.labels"));
}

TEST(JobValidator, RefusesWhatContradictsItself) {
  EXPECT_THAT(FieldsAfter([](auto& r) {
                TuneOf(r).set_eval_dataset("datasets/held-out");
                TuneOf(r).set_eval_fraction(0.1);
              }),
              ElementsAre("job.spec.fine_tune.eval_fraction"));
  EXPECT_THAT(FieldsAfter([](auto& r) {
                TuneOf(r).mutable_hyperparameters()->set_warmup_steps(1);
                TuneOf(r).mutable_hyperparameters()->set_warmup_ratio(0.1);
              }),
              ElementsAre("job.spec.fine_tune.hyperparameters.warmup_steps"));
  EXPECT_THAT(FieldsAfter([](auto& r) {
                r.set_job_id("a");
                r.set_job_id_prefix("b");
              }),
              ElementsAre("job_id_prefix"));
}

TEST(JobValidator, RefusesBadPoliciesAndResources) {
  EXPECT_THAT(
      FieldsAfter([](auto& r) {
        v1::JobSpec& spec = *r.mutable_job()->mutable_spec();
        TuneOf(r).mutable_evaluation()->set_best_metric("F1 of all");
        TuneOf(r).mutable_checkpoints()->mutable_interval()->set_seconds(0);
        TuneOf(r).mutable_text_classification()->set_max_length(-1);
        spec.mutable_resources()->set_threads(0);
        spec.mutable_resources()->set_memory_bytes(-1);
        spec.mutable_retry()->set_max_infra_retries(21);
        spec.mutable_max_run_duration()->set_seconds(-5);
        r.mutable_job()->set_priority(1001);
      }),
      UnorderedElementsAre("job.priority", "job.spec.fine_tune.evaluation.best_metric",
                           "job.spec.fine_tune.checkpoints.interval",
                           "job.spec.fine_tune.text_classification.max_length",
                           "job.spec.resources.threads", "job.spec.resources.memory_bytes",
                           "job.spec.retry.max_infra_retries", "job.spec.max_run_duration"));
}

TEST(JobValidator, ABaseMayBeLeftOutWhereACheckpointSaysWhichItIs) {
  const auto with = [](const std::function<void(v1::CheckpointRef&)>& set) {
    return FieldsAfter([&](auto& request) {
      TuneOf(request).clear_base_model();
      set(*TuneOf(request).mutable_start_checkpoint());
    });
  };
  EXPECT_THAT(with([](auto& start) { start.set_job("jobs/first"); }), IsEmpty());
  EXPECT_THAT(with([](auto& start) {
                start.set_job("models/first");
                start.set_step(-1);
              }),
              UnorderedElementsAre("job.spec.fine_tune.start_checkpoint.job",
                                   "job.spec.fine_tune.start_checkpoint.step"));
  EXPECT_THAT(with([](auto& start) {
                start.set_job("jobs/first");
                start.set_step(5);
                start.set_best(true);
              }),
              ElementsAre("job.spec.fine_tune.start_checkpoint.best"));
  EXPECT_THAT(FieldsAfter([](auto& request) {
                TuneOf(request).mutable_start_checkpoint()->set_job("jobs/first");
                TuneOf(request).set_base_model("datasets/base");
              }),
              ElementsAre("job.spec.fine_tune.base_model"));
}

TEST(JobValidator, APrecisionIsOneOfThose) {
  EXPECT_THAT(
      FieldsAfter([](auto& request) {
        TuneOf(request).mutable_hyperparameters()->set_precision(static_cast<v1::Precision>(9));
      }),
      ElementsAre("job.spec.fine_tune.hyperparameters.precision"));
}

TEST(JobValidator, TheDigestIgnoresRequestIdAndTheOrderOfLabels) {
  v1::CreateJobRequest a = JobWorld::Request("a"), b = JobWorld::Request("a");
  for (int i = 0; i < 20; ++i) (*a.mutable_job()->mutable_labels())[absl::StrCat(i)] = "x";
  for (int i = 19; i >= 0; --i) (*b.mutable_job()->mutable_labels())[absl::StrCat(i)] = "x";
  a.set_request_id("1b4e28ba-2fa1-41d2-883f-0016d3cca427");
  EXPECT_EQ(RequestDigest(a), RequestDigest(b));
  b.mutable_job()->set_priority(1);
  EXPECT_NE(RequestDigest(a), RequestDigest(b));
}

}  // namespace
}  // namespace attune
