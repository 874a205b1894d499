// SPDX-License-Identifier: Apache-2.0
#include "base/trainer_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::string kDigest(64, 'a');

std::string WithDigest(std::string_view json) {
  return absl::StrReplaceAll({json.data(), json.size()}, {{"DIGEST", kDigest}});
}

// The struct gives this JSON, and this JSON gives the struct.
void ExpectEvent(const TrainerEvent& event, std::string_view json) {
  const Json expected = Json::parse(WithDigest(json));
  EXPECT_EQ(Json::parse(ToJson(7, event)), expected);
  const auto parsed = ParseTrainerEvent(expected.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->attempt, 7);
  EXPECT_EQ(parsed->event.index(), event.index());
  EXPECT_EQ(Json::parse(ToJson(parsed->attempt, parsed->event)), expected);
}

void ExpectCommand(const TrainerCommand& command, const Json& expected) {
  EXPECT_EQ(Json::parse(ToJson(command)), expected);
  const auto parsed = ParseTrainerCommand(expected.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->index(), command.index());
  EXPECT_EQ(Json::parse(ToJson(*parsed)), expected);
}

DatasetSpec Dataset(const std::string& path) {
  return {.path = path,
          .format = "csv",
          .text_columns = {"title", "body"},
          .label_column = "y",
          .label_kind = "multi",
          .label_separator = ";",
          .label_names = {{"0", "bad"}, {"1", "good"}},
          .sha256 = kDigest};
}

// Of these two every member differs from its default and from its neighbours.
HyperparameterSpec FullHyperparameters() {
  return {.epochs = 1.5,
          .batch_size = 2,
          .gradient_accumulation_steps = 4,
          .learning_rate = 3e-5,
          .schedule = "cosine",
          .warmup_ratio = 0.06,
          .warmup_steps = 11,
          .weight_decay = 0.01,
          .adam_beta1 = 0.8,
          .adam_beta2 = 0.95,
          .adam_epsilon = 1e-6,
          .max_grad_norm = 0.5,
          .dropout = -1,
          .max_length = 128,
          .label_smoothing = 0.2,
          .precision = "auto",
          .parameter_groups = {{"classifier", 0.75}, {"encoder", 0.5}},
          .seed = std::numeric_limits<uint64_t>::max()};
}

TrainerSpec FullSpec() {
  TrainerSpec spec;
  spec.job = "jobs/x";
  spec.attempt = 7;
  spec.fence = int64_t{1} << 60;
  spec.work = "evaluate";
  spec.work_dir = "/w";
  spec.base_model_dir = "/b";
  spec.base_model_name = "models/m";
  spec.compare_model_dir = "/c";
  spec.cache_dir = "/cache";
  spec.base_model_sha256 = std::string(64, 'b');
  spec.task = "t";
  spec.pooling = "mean";
  spec.image = {.size = 96,
                .horizontal_flip = true,
                .min_crop_area = 0.75,
                .brightness = 0.125,
                .contrast = 0.5,
                .batch_norms = "frozen"};
  spec.decoding = {.beam_size = 4, .length_penalty = 0.75};
  spec.labels = {"bad", "good \xe2\x9c\x93"};
  spec.train = Dataset("/train");
  spec.eval = Dataset("/eval");
  spec.eval_fraction = 0.125;
  spec.test = Dataset("/test");
  spec.method = "lora";
  spec.lora = {
      .rank = 5, .alpha = 6, .dropout = 0.25, .target_modules = {"key", "dense"}, .rslora = true};
  spec.top_layers = 9;
  spec.class_weighting = "balanced";
  spec.hyperparameters = FullHyperparameters();
  spec.eval_every_steps = 21;
  spec.best_metric = "macro_f1";
  spec.early_stopping_patience = 24;
  spec.early_stopping_min_delta = 0.375;
  spec.checkpoint_interval_seconds = 60.5;
  spec.checkpoint_every_steps = 22;
  spec.max_steps = 23;
  spec.threads = 3;
  spec.device = "cuda:1";
  spec.resume_dir = "/r";
  spec.start_dir = "/s";
  spec.start_job = "jobs/y";
  spec.start_step = 25;
  spec.start_sha256 = std::string(64, 'd');
  return spec;
}

Json FullDataset(const std::string& path) {
  Json json = Json::parse(R"({
    "format": "csv", "text_columns": ["title", "body"], "label_column": "y",
    "label_kind": "multi", "label_separator": ";", "label_names": {"0": "bad", "1": "good"}})");
  json["path"] = path;
  json["sha256"] = kDigest;
  return json;
}

constexpr char kFullSpecButDatasets[] = R"({
  "job": "jobs/x", "attempt": 7, "fence": 1152921504606846976, "work": "evaluate",
  "work_dir": "/w", "base_model_dir": "/b", "base_model_name": "models/m",
  "compare_model_dir": "/c", "cache_dir": "/cache",
  "base_model_sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
  "task": "t", "pooling": "mean",
  "image": {"size": 96, "horizontal_flip": true, "min_crop_area": 0.75, "brightness": 0.125,
            "contrast": 0.5, "batch_norms": "frozen"},
  "decoding": {"beam_size": 4, "length_penalty": 0.75}, "labels": ["bad", "good ✓"], "eval_fraction": 0.125, "method": "lora",
  "lora": {"rank": 5, "alpha": 6.0, "dropout": 0.25, "target_modules": ["key", "dense"],
           "rslora": true},
  "top_layers": 9, "class_weighting": "balanced",
  "hyperparameters": {
    "epochs": 1.5, "batch_size": 2, "gradient_accumulation_steps": 4, "learning_rate": 3e-5,
    "schedule": "cosine", "warmup_ratio": 0.06, "warmup_steps": 11, "weight_decay": 0.01,
    "adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-6, "max_grad_norm": 0.5,
    "dropout": -1.0, "max_length": 128, "label_smoothing": 0.2, "precision": "auto",
    "parameter_groups": [{"prefix": "classifier", "learning_rate": 0.75},
                         {"prefix": "encoder", "learning_rate": 0.5}],
    "seed": 18446744073709551615},
  "eval_every_steps": 21, "best_metric": "macro_f1", "early_stopping_patience": 24,
  "early_stopping_min_delta": 0.375, "checkpoint_interval_seconds": 60.5,
  "checkpoint_every_steps": 22, "max_steps": 23, "threads": 3, "device": "cuda:1",
  "resume_dir": "/r", "start_dir": "/s", "start_job": "jobs/y", "start_step": 25,
  "start_sha256": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"})";

Json FullSpecJson() {
  Json json = Json::parse(kFullSpecButDatasets);
  for (const char* name : {"train", "eval", "test"}) {
    json[name] = FullDataset(absl::StrCat("/", name));
  }
  return json;
}

constexpr char kSmallSpecFile[] = R"({
  "work_dir": "/w",
  "base_model_dir": "/b",
  "labels": ["bad", "good"],
  "train": {"path": "t.csv", "format": "csv", "text_columns": ["text"], "label_column": "label"}
})";

std::vector<std::string> FieldsOf(const absl::Status& status) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : GetErrorDetail(status).violations) {
    fields.push_back(violation.field);
  }
  return fields;
}

absl::Status EventStatus(std::string_view json) {
  return ParseTrainerEvent(WithDigest(json)).status();
}

TEST(TrainerCommands, GoThroughJsonUnchanged) {
  ExpectCommand(RunCommand{FullSpec()},
                {{"type", "run"}, {"attempt", 7}, {"spec", FullSpecJson()}});
  ExpectCommand(StopCommand{7, "pause"}, {{"type", "stop"}, {"attempt", 7}, {"cause", "pause"}});
  ExpectCommand(CheckpointCommand{7}, {{"type", "checkpoint"}, {"attempt", 7}});
  ExpectCommand(PredictCommand{7, "/m", 128, {{"good"}, {"a", "b"}}, {.beam_size = 4}},
                {{"type", "predict"},
                 {"attempt", 7},
                 {"model_dir", "/m"},
                 {"max_length", 128},
                 {"rows", {Json::array({"good"}), Json::array({"a", "b"})}},
                 {"decoding", {{"beam_size", 4}, {"length_penalty", 1.0}}}});
}

TEST(TrainerCommands, LeaveOutAbsentDatasets) {
  TrainerSpec spec = FullSpec();
  spec.eval.reset();
  spec.test.reset();
  const auto parsed = ParseTrainerCommand(ToJson(RunCommand{spec}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_FALSE(std::get<RunCommand>(*parsed).spec.eval.has_value());
  EXPECT_FALSE(std::get<RunCommand>(*parsed).spec.test.has_value());
}

TEST(TrainerCommands, RefuseAnAttemptThatIsNotTheSpecs) {
  const Json json = {{"type", "run"}, {"attempt", 8}, {"spec", FullSpecJson()}};
  const absl::Status status = ParseTrainerCommand(json.dump()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(FieldsOf(status), ElementsAre("spec.attempt"));
}

TEST(TrainerEvents, StartedAndPhaseGoThroughJsonUnchanged) {
  ExpectEvent(StartedFrame{.device = "cpu",
                           .threads = 2,
                           .start_step = 3,
                           .total_steps = 4,
                           .steps_per_epoch = 5,
                           .train_examples = 6,
                           .eval_examples = 7,
                           .test_examples = 8,
                           .exact = false,
                           .torch_version = "2.6.0"},
              R"({"type": "started", "attempt": 7, "device": "cpu", "threads": 2, "start_step": 3,
                  "total_steps": 4, "steps_per_epoch": 5, "train_examples": 6, "eval_examples": 7,
                  "test_examples": 8, "exact": false, "torch_version": "2.6.0"})");
  ExpectEvent(PhaseFrame{"TRAINING"}, R"({"type": "phase", "attempt": 7, "phase": "TRAINING"})");
}

TEST(TrainerEvents, MetricsGoThroughJsonUnchanged) {
  ExpectEvent(MetricsFrame{.step = 1,
                           .epoch = 0.5,
                           .loss = 0.25,
                           .learning_rate = 2e-5,
                           .grad_norm = 1.5,
                           .samples = 16,
                           .tokens = 1024,
                           .samples_per_second = 8.5,
                           .tokens_per_second = 512.5,
                           .eta_seconds = 60,
                           .stage_seconds = {{"forward", 0.5}, {"load", 0.25}}},
              R"({"type": "metrics", "attempt": 7, "step": 1, "epoch": 0.5, "loss": 0.25,
                  "learning_rate": 2e-5, "grad_norm": 1.5, "samples": 16, "tokens": 1024,
                  "samples_per_second": 8.5, "tokens_per_second": 512.5, "eta_seconds": 60.0,
                  "stage_seconds": {"forward": 0.5, "load": 0.25}})");
}

TEST(TrainerEvents, AnEvaluationMayShowTranslations) {
  ExpectEvent(EvaluationFrame{.split = "TEST",
                              .metrics = {{"chrf", 52.5}},
                              .samples = std::vector<TranslationSample>{{"a b", "c d", "c"}}},
              R"({"type": "evaluation", "attempt": 7, "split": "TEST", "step": 0, "epoch": 0.0,
          "examples": 0, "metrics": {"chrf": 52.5}, "confusion": [], "best": false,
          "samples": [{"source": "a b", "reference": "c d", "translation": "c"}],
          "seconds": 0.0})");
}

TEST(TrainerEvents, EvaluationGoesThroughJsonUnchanged) {
  ExpectEvent(EvaluationFrame{.split = "EVAL",
                              .step = 10,
                              .epoch = 1,
                              .examples = 5,
                              .metrics = {{"accuracy", 0.8}, {"loss", 0.4}},
                              .confusion = {{2, 1}, {0, 2}},
                              .best = true,
                              .seconds = 1.5},
              R"({"type": "evaluation", "attempt": 7, "split": "EVAL", "step": 10, "epoch": 1.0,
                  "examples": 5, "metrics": {"accuracy": 0.8, "loss": 0.4},
                  "confusion": [[2, 1], [0, 2]], "best": true, "seconds": 1.5})");
}

TEST(TrainerEvents, CheckpointAndSucceededGoThroughJsonUnchanged) {
  const std::vector<FileEntry> files = {{"sub/model.safetensors", 12, kDigest}};
  ExpectEvent(CheckpointFrame{.step = 20,
                              .epoch = 2,
                              .dir = "/w/c",
                              .manifest_sha256 = "m",
                              .files = files,
                              .best = true,
                              .write_seconds = 0.5},
              R"({"type": "checkpoint", "attempt": 7, "step": 20, "epoch": 2.0, "dir": "/w/c",
                  "manifest_sha256": "m", "best": true, "write_seconds": 0.5, "files":
                  [{"path": "sub/model.safetensors", "size_bytes": 12, "sha256": "DIGEST"}]})");
  ExpectEvent(SucceededFrame{.step = 30,
                             .model_dir = "/w/m",
                             .files = files,
                             .peak_memory_bytes = 31,
                             .model_type = "bert",
                             .architecture = "BertForSequenceClassification",
                             .parameters = 32,
                             .max_length = 33,
                             .labels = {"bad", "good"},
                             .export_checks = {{"merged", 8, 0.25}}},
              R"({"type": "succeeded", "attempt": 7, "step": 30, "model_dir": "/w/m", "files":
                  [{"path": "sub/model.safetensors", "size_bytes": 12, "sha256": "DIGEST"}],
                  "peak_memory_bytes": 31, "model_type": "bert",
                  "architecture": "BertForSequenceClassification", "parameters": 32,
                  "max_length": 33, "labels": ["bad", "good"],
                  "export_checks": [{"format": "merged", "rows": 8, "max_difference": 0.25}]})");
}

TEST(TrainerEvents, NoticeFailedAndStoppedGoThroughJsonUnchanged) {
  ExpectEvent(NoticeFrame{"WARNING", "line\n\"quoted\""},
              R"({"type": "notice", "attempt": 7, "severity": "WARNING",
                  "message": "line\n\"quoted\""})");
  ExpectEvent(FailedFrame{"USER", "NON_FINITE_LOSS", "loss is nan", 4},
              R"({"type": "failed", "attempt": 7, "failure_class": "USER",
                  "reason": "NON_FINITE_LOSS", "message": "loss is nan", "step": 4})");
  ExpectEvent(StoppedFrame{"pause", 9},
              R"({"type": "stopped", "attempt": 7, "cause": "pause", "step": 9})");
}

TEST(TrainerEvents, PredictionGoesThroughJsonUnchanged) {
  ExpectEvent(PredictionFrame{{R"({"label":"pos"})", "{}"}},
              R"({"type": "prediction", "attempt": 7, "rows": ["{\"label\":\"pos\"}", "{}"]})");
}

TEST(TrainerEvents, NumbersJsonCannotHoldBecomeNaN) {
  MetricsFrame metrics;
  metrics.loss = kNaN;
  metrics.grad_norm = kInfinity;
  metrics.stage_seconds["load"] = -kInfinity;
  const std::string json = ToJson(1, metrics);
  EXPECT_THAT(json, HasSubstr("\"loss\":null"));
  const auto parsed = ParseTrainerEvent(json);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const auto& frame = std::get<MetricsFrame>(parsed->event);
  EXPECT_TRUE(std::isnan(frame.loss));
  EXPECT_TRUE(std::isnan(frame.grad_norm));
  EXPECT_TRUE(std::isnan(frame.stage_seconds.at("load")));
  EXPECT_EQ(frame.epoch, 0);
}

TEST(TrainerEvents, DoublesKeepEveryBit) {
  MetricsFrame metrics;
  metrics.loss = 0.1 + 0.2;
  metrics.learning_rate = std::numeric_limits<double>::denorm_min();
  const auto parsed = ParseTrainerEvent(ToJson(1, metrics));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(std::get<MetricsFrame>(parsed->event).loss, 0.1 + 0.2);
  EXPECT_EQ(std::get<MetricsFrame>(parsed->event).learning_rate, metrics.learning_rate);
}

TEST(TrainerEvents, BytesThatAreNotUtf8AreReplaced) {
  const auto parsed = ParseTrainerEvent(ToJson(1, NoticeFrame{"INFO", "\xff!"}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(std::get<NoticeFrame>(parsed->event).message, "\xef\xbf\xbd!");
}

TEST(TrainerEvents, UnknownTypesMissingAndIllTypedKeysAreNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"attempt": 1})", "type: is missing"},
      {R"({"type": 3, "attempt": 1})", "type: must be a string, got number"},
      {R"({"type": "explode", "attempt": 1})", "type: must be one of started, phase"},
      {R"({"type": "phase", "phase": "x"})", "attempt: is missing"},
      {R"({"type": "phase", "attempt": "1", "phase": "x"})", "attempt: must be a whole number"},
      {R"({"type": "phase", "attempt": 1.5, "phase": "x"})", "attempt: must be a whole number"},
      {R"({"type": "phase", "attempt": 9223372036854775808, "phase": "x"})",
       "attempt: must be between"},
      {R"({"type": "phase", "attempt": 1})", "phase: is missing"},
      {R"({"type": "phase", "attempt": 1, "phase": null})", "phase: must be a string, got null"},
      {R"({"type": "stopped", "attempt": 1, "cause": "x", "step": true})",
       "step: must be a whole number, got boolean"},
  };
  for (const auto& [json, wanted] : cases) {
    const absl::Status status = EventStatus(json);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(wanted)) << json;
    EXPECT_EQ(ErrorReasonOf(status), "INVALID_FIELD");
  }
}

TEST(TrainerEvents, FaultsInNestedValuesAreNamedByTheirPath) {
  Json json = Json::parse(
      ToJson(1, EvaluationFrame{.metrics = {{"loss", 1}}, .confusion = {{1, 2}, {3, 4}}}));
  json["confusion"][1][0] = "three";
  json["metrics"]["loss"] = "low";
  json["best"] = 1;
  EXPECT_THAT(FieldsOf(EventStatus(json.dump())),
              ElementsAre("metrics.loss", "confusion[1][0]", "best"));
}

TEST(TrainerEvents, AFloodOfFaultsGivesAShortError) {
  Json json = Json::parse(ToJson(1, EvaluationFrame{}));
  json["confusion"] = Json::array({Json::array()});
  for (int i = 0; i < 10'000; ++i) json["confusion"][0].push_back("x");
  json["metrics"][std::string(1 << 20, 'k')] = "x";
  const absl::Status status = EventStatus(json.dump());
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_LT(status.message().size(), 10'000u);
}

TEST(TrainerEvents, AnIntegerOutsideIntIsRefused) {
  Json json = Json::parse(ToJson(1, StartedFrame{}));
  json["threads"] = int64_t{1} << 31;
  EXPECT_THAT(FieldsOf(EventStatus(json.dump())), ElementsAre("threads"));
  json["threads"] = -(int64_t{1} << 31) - 1;
  EXPECT_THAT(FieldsOf(EventStatus(json.dump())), ElementsAre("threads"));
  json["threads"] = -(int64_t{1} << 31);
  EXPECT_TRUE(EventStatus(json.dump()).ok());
}

TEST(TrainerEvents, AFileMustStayInItsFolder) {
  const auto status_of = [](const FileEntry& file) {
    return EventStatus(ToJson(1, SucceededFrame{1, "/m", {file}}));
  };
  EXPECT_TRUE(status_of({"a/b..c/.d", 0, kDigest}).ok());
  for (const char* path : {"", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "./a", "a/"}) {
    EXPECT_THAT(FieldsOf(status_of({path, 0, kDigest})), ElementsAre("files[0].path")) << path;
  }
  EXPECT_THAT(FieldsOf(status_of({std::string("a\0b", 3), 0, kDigest})),
              ElementsAre("files[0].path"));
  EXPECT_THAT(FieldsOf(status_of({"a", -1, "xyz"})),
              ElementsAre("files[0].size_bytes", "files[0].sha256"));
}

TEST(TrainerEvents, GarbageIsInvalidArgument) {
  const std::string deep(1 << 20, '[');
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("nonsense"), deep,
        std::string("{\"type\": \"\xff\"}"), std::string("{\"attempt\": 1e999}"),
        std::string("{}{}")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTrainerEvent(text).status())) << text.substr(0, 40);
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTrainerCommand(text).status())) << text.substr(0, 40);
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTrainerSpec(text).status())) << text.substr(0, 40);
  }
}

TEST(TrainerSpecFile, GoesThroughJsonUnchanged) {
  EXPECT_EQ(Json::parse(ToJson(FullSpec())), FullSpecJson());
  const auto parsed = ParseTrainerSpec(FullSpecJson().dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ToJson(*parsed), ToJson(FullSpec()));
}

TEST(TrainerSpecFile, MayLeaveOutWhatHasADefault) {
  const auto spec = ParseTrainerSpec(kSmallSpecFile);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->hyperparameters.learning_rate, 5e-5);
  EXPECT_EQ(spec->checkpoint_interval_seconds, 300);
  EXPECT_THAT(spec->train.text_columns, ElementsAre("text"));
  EXPECT_FALSE(spec->eval.has_value());
}

TEST(TrainerSpecFile, ListsAllThatIsMissing) {
  EXPECT_THAT(FieldsOf(ParseTrainerSpec("{}").status()),
              ElementsAre("work_dir", "base_model_dir", "labels"));
}

TEST(TrainerSpecFile, RefusesUnknownKeysByName) {
  Json json = Json::parse(kSmallSpecFile);
  json["hyperparameters"] = {{"learning_rte", 1e-5}, {"seed", 1}};
  json["epochs"] = 3;
  const absl::Status status = ParseTrainerSpec(json.dump()).status();
  EXPECT_THAT(FieldsOf(status), ElementsAre("hyperparameters.learning_rte", "epochs"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("epochs: is not a known key"));
}

TEST(TrainerSpecFile, HoldsNoNaNAndNoNegativeSeed) {
  Json json = Json::parse(kSmallSpecFile);
  json["hyperparameters"] = {{"learning_rate", nullptr}, {"seed", -1}};
  EXPECT_THAT(FieldsOf(ParseTrainerSpec(json.dump()).status()),
              ElementsAre("hyperparameters.learning_rate", "hyperparameters.seed"));
}

TEST(TrainerSpecFile, SaysInWhichLineItIsNotJson) {
  const absl::Status status = ParseTrainerSpec("{\n  \"job\": \"x\",\n  oops\n}").status();
  EXPECT_EQ(status.message(), "the spec is not valid JSON at line 3");
}

}  // namespace
}  // namespace attune
