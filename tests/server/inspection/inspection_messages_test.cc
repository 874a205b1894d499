// SPDX-License-Identifier: Apache-2.0
#include "server/inspection/inspection_messages.h"

#include <optional>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;

DatasetFile File(const std::string& path, v1::Dataset::Format format) {
  DatasetFile file;
  file.path = path;
  file.dataset.set_format(format);
  file.dataset.mutable_columns()->add_text("review");
  file.dataset.mutable_columns()->set_label("stars");
  return file;
}

TEST(InspectionMessages, AskForADataset) {
  EXPECT_EQ(Json::parse(DatasetRequestJson(File("/b/ab", v1::Dataset::JSONL))), Json::parse(R"({
      "kind": "dataset", "path": "/b/ab", "format": "jsonl",
      "text_columns": ["review"], "label_column": "stars", "label_kind": "single"})"));
}

TEST(InspectionMessages, SayHowTheLabelsOfADatasetAreMeant) {
  DatasetFile file = File("/b/ab", v1::Dataset::CSV);
  v1::TextColumns& columns = *file.dataset.mutable_columns();
  columns.set_label_kind(v1::LABEL_KIND_MULTI);
  columns.set_label_separator(";");
  (*columns.mutable_label_names())["1"] = "good";
  EXPECT_EQ(Json::parse(DatasetRequestJson(file)), Json::parse(R"({
      "kind": "dataset", "path": "/b/ab", "format": "csv", "text_columns": ["review"],
      "label_column": "stars", "label_kind": "multi", "label_separator": ";",
      "label_names": {"1": "good"}})"));
}

TEST(InspectionMessages, AskForAModel) {
  EXPECT_EQ(Json::parse(ModelRequestJson("/m")), Json::parse(R"({"kind": "model", "dir": "/m"})"));
}

TEST(InspectionMessages, AskForAJob) {
  JobCheckInputs inputs;
  inputs.model_dir = "/m";
  inputs.train = File("/train", v1::Dataset::CSV);
  inputs.train->dataset.add_labels("bad");
  inputs.train->dataset.add_labels("good");
  inputs.test = File("/test", v1::Dataset::TSV);
  v1::JobSpec spec;
  v1::FineTune& tune = *spec.mutable_fine_tune();
  tune.set_eval_fraction(0.1);
  tune.mutable_hyperparameters()->set_batch_size(32);
  tune.mutable_lora()->set_rank(4);
  tune.mutable_lora()->add_target_modules("query");
  tune.mutable_text_classification()->set_max_length(64);
  tune.mutable_text_classification()->set_pooling(v1::POOLING_MEAN);
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec)), Json::parse(R"({
      "kind": "job", "work": "fine_tune", "model_dir": "/m", "task": "text_classification",
      "train": {"path": "/train", "format": "csv", "text_columns": ["review"],
                "label_column": "stars", "label_kind": "single"},
      "eval": null,
      "test": {"path": "/test", "format": "tsv", "text_columns": ["review"],
               "label_column": "stars", "label_kind": "single"},
      "eval_fraction": 0.1, "labels": ["bad", "good"], "max_length": 64, "pooling": "mean", "batch_size": 32,
      "method": "lora", "lora": {"rank": 4, "target_modules": ["query"]}})"));
}

TEST(InspectionMessages, NameTheMethodOfAJob) {
  JobCheckInputs inputs;
  inputs.train = File("/train", v1::Dataset::CSV);
  v1::JobSpec spec;
  const auto request = [&] { return Json::parse(JobRequestJson(inputs, spec)); };
  spec.mutable_fine_tune()->mutable_full();
  EXPECT_EQ(request()["method"], "full");
  spec.mutable_fine_tune()->mutable_head();
  EXPECT_EQ(request()["method"], "head");
  spec.mutable_fine_tune()->mutable_partial()->set_top_layers(2);
  EXPECT_EQ(request()["method"], "partial");
  EXPECT_EQ(request()["top_layers"], 2);
}

TEST(InspectionMessages, AskForAJobThatUsesAModel) {
  JobCheckInputs inputs;
  inputs.model_dir = "/m";
  inputs.test = File("/rows", v1::Dataset::CSV);
  v1::JobSpec spec;
  spec.mutable_evaluate()->set_max_length(64);
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec)), Json::parse(R"({
      "kind": "job", "work": "evaluate", "model_dir": "/m", "task": "text_classification",
      "test": {"path": "/rows", "format": "csv", "text_columns": ["review"],
               "label_column": "stars", "label_kind": "single"}, "max_length": 64})"));
  spec.mutable_predict();
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec))["work"], "predict");
}

// A tar of images.
DatasetFile Images(const std::string& path) {
  DatasetFile file;
  file.path = path;
  file.dataset.set_format(v1::Dataset::IMAGES);
  file.dataset.mutable_columns()->set_label("label");
  return file;
}

TEST(InspectionMessages, AskForImages) {
  const Json images = Json::parse(R"({"path": "/i", "format": "images", "text_columns": [],
      "label_column": "label", "label_kind": "single"})");
  Json dataset = images;
  dataset["kind"] = "dataset";
  EXPECT_EQ(Json::parse(DatasetRequestJson(Images("/i"))), dataset);

  JobCheckInputs inputs;
  inputs.model_dir = "/m";
  inputs.train = Images("/i");
  v1::JobSpec spec;
  v1::ImageClassification& task = *spec.mutable_fine_tune()->mutable_image_classification();
  task.set_image_size(64);
  task.set_batch_norms(v1::BATCH_NORMS_TRAINED);
  Json job = Json::parse(R"({"kind": "job", "work": "fine_tune", "model_dir": "/m",
      "task": "image_classification", "eval": null, "test": null, "eval_fraction": 0.0,
      "labels": [], "method": "full", "image": {"size": 64, "batch_norms": "trained"}})");
  job["train"] = images;
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec)), job);

  inputs.train.reset();
  inputs.test = Images("/i");
  spec.mutable_predict();
  Json use = Json::parse(R"({"kind": "job", "work": "predict", "model_dir": "/m",
      "task": "image_classification"})");
  use["test"] = images;
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec)), use);
}

TEST(InspectionMessages, AJobReportTellsTheMemoryThatItWillNeed) {
  EXPECT_EQ(
      ReadJobReport(R"({"ok": true, "memory": {"estimated_bytes": 9}})")->estimated_memory_bytes,
      9);
  for (const char* memory : {"null", "7", "{}", R"({"estimated_bytes": "x"})"}) {
    EXPECT_EQ(ReadJobReport(R"({"ok": true, "memory": )" + std::string(memory) + "}")
                  ->estimated_memory_bytes,
              0)
        << memory;
  }
}

TEST(InspectionMessages, AGoodDatasetBecomesReady) {
  v1::Dataset dataset;
  const char* report = R"({"ok": true, "rows": 7, "labels":
      [{"label": "a", "count": 3}, {"label": "b", "count": 4}], "error_count": 0, "errors": []})";
  ASSERT_EQ(ApplyDatasetReport(report, dataset), absl::OkStatus());
  EXPECT_EQ(dataset.state(), v1::Dataset::READY);
  EXPECT_EQ(dataset.rows(), 7);
  EXPECT_THAT(dataset.labels(), ElementsAre("a", "b"));
  EXPECT_EQ(dataset.report_json(), report);
  EXPECT_EQ(dataset.error_message(), "");
}

TEST(InspectionMessages, ABadDatasetSaysPlaceProblemAndRemedy) {
  v1::Dataset dataset;
  ASSERT_EQ(ApplyDatasetReport(
                R"({"ok": false, "error_count": 2, "errors": [
      {"where": "", "line": 7, "column": 3, "message": "the label is empty", "remedy": "fill it"},
      {"where": "train", "line": 0, "column": 0, "message": "one class only", "remedy": ""}]})",
                dataset),
            absl::OkStatus());
  EXPECT_EQ(dataset.state(), v1::Dataset::INVALID);
  EXPECT_EQ(dataset.error_message(),
            "line 7, column 3: the label is empty — fill it\ntrain: one class only");
}

TEST(InspectionMessages, ShowTheFirstFiveErrorsAndCountTheRest) {
  Json errors = Json::array();
  for (int line = 1; line <= 9; ++line) errors.push_back({{"line", line}, {"message", "bad"}});
  const Json report = {{"ok", false}, {"error_count", 120}, {"errors", errors}};
  const auto check = ReadJobReport(report.dump());
  ASSERT_TRUE(check.ok());
  EXPECT_FALSE(check->ok);
  EXPECT_EQ(check->message,
            "line 1: bad\nline 2: bad\nline 3: bad\nline 4: bad\nline 5: bad\nand 115 more");
}

TEST(InspectionMessages, AModelGetsWhatTheReportSays) {
  v1::Model model;
  ASSERT_EQ(ApplyModelReport(
                R"({"ok": true, "model_type": "bert", "architecture": "BertForMaskedLM",
                    "parameters": 4400000, "max_length": 512, "labels": ["no", "yes", 3]})",
                model),
            absl::OkStatus());
  EXPECT_EQ(model.state(), v1::Model::READY);
  EXPECT_EQ(model.model_type(), "bert");
  EXPECT_EQ(model.architecture(), "BertForMaskedLM");
  EXPECT_EQ(model.parameters(), 4400000);
  EXPECT_EQ(model.max_length(), 512);
  EXPECT_THAT(model.labels(), testing::ElementsAre("no", "yes"));
}

TEST(InspectionMessages, WhatIsNoReportIsAnError) {
  for (const char* text : {"", "{", "[]", "{}", R"({"ok": 1})", "null"}) {
    v1::Dataset dataset;
    EXPECT_FALSE(ApplyDatasetReport(text, dataset).ok()) << text;
    EXPECT_FALSE(ReadJobReport(text).ok()) << text;
  }
}

TEST(InspectionMessages, AReportOfStrangeTypesIsReadAsFarAsItGoes) {
  v1::Dataset dataset;
  ASSERT_EQ(
      ApplyDatasetReport(R"({"ok": true, "rows": "x", "labels": [1, {"label": 2}]})", dataset),
      absl::OkStatus());
  EXPECT_EQ(dataset.rows(), 0);
  ASSERT_EQ(ApplyDatasetReport(R"({"ok": false, "errors": [1, null]})", dataset), absl::OkStatus());
}

TEST(InspectionMessages, AskForTranslation) {
  JobCheckInputs inputs;
  inputs.model_dir = "/m";
  inputs.model_type = "marian_ssru";
  inputs.train = File("/pairs", v1::Dataset::JSONL);
  inputs.train->dataset.mutable_columns()->set_label_kind(v1::LABEL_KIND_TEXT);
  const Json pairs = Json::parse(R"({"path": "/pairs", "format": "jsonl",
      "text_columns": ["review"], "label_column": "stars", "label_kind": "text"})");
  v1::JobSpec spec;
  v1::Translation& task = *spec.mutable_fine_tune()->mutable_translation();
  task.set_max_length(96);
  task.mutable_decoding()->set_beam_size(4);
  Json job = Json::parse(R"({"kind": "job", "work": "fine_tune", "model_dir": "/m",
      "task": "translation", "eval": null, "test": null, "eval_fraction": 0.0, "labels": [],
      "method": "full", "max_length": 96, "beam_size": 4})");
  job["train"] = pairs;
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec)), job);

  inputs.test = std::exchange(inputs.train, std::nullopt);
  spec.mutable_evaluate()->set_task("text_classification");  // stored before the model was known
  Json use = Json::parse(R"({"kind": "job", "work": "evaluate", "model_dir": "/m",
      "task": "translation", "max_length": 0})");
  use["test"] = pairs;
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec)), use);
  inputs.model_type = "bert";
  spec.mutable_predict();
  EXPECT_EQ(Json::parse(JobRequestJson(inputs, spec))["task"], "text_classification");
}

}  // namespace
}  // namespace attune
