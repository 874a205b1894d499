// SPDX-License-Identifier: Apache-2.0
// Methods, clones, evaluation, prediction, and what each leaves to fetch.
#include <gmock/gmock.h>

#include "base/digest.h"
#include "tests/client/cli/cli_fixture.h"

namespace attune {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JobKindsTest : public CliTest {
 protected:
  v1::FileRef Stored(const std::string& path, const std::string& bytes) {
    server_.blobs.Put(bytes);
    v1::FileRef file;
    file.set_path(path);
    file.set_size_bytes(static_cast<int64_t>(bytes.size()));
    file.set_sha256(Sha256::Hex(bytes));
    return file;
  }
  void PutTuned() {
    v1::Model model;
    model.set_name("models/tuned");
    model.set_state(v1::Model::READY);
    *model.add_files() = Stored("config.json", "merged");
    *model.add_files() = Stored("adapter/adapter_config.json", "adapter");
    server_.models.Put(model);
    PutJob("jobs/tuned", v1::Job::SUCCEEDED, "models/tuned");
  }
  const v1::JobSpec LastSpec() { return server_.jobs.creates().back().job().spec(); }
};

TEST_F(JobKindsTest, AMethodIsNamedAndSet) {
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--method", "lora", "--set",
                 "lora.rank=16", "--set", "lora.target_modules=all-linear"}),
            0)
      << err();
  EXPECT_EQ(LastSpec().fine_tune().lora().rank(), 16);
  EXPECT_EQ(LastSpec().fine_tune().lora().target_modules(0), "all-linear");
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--method", "head"}), 0);
  EXPECT_TRUE(LastSpec().fine_tune().has_head());
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--method", "prompt"}), 2);
}

TEST_F(JobKindsTest, AJobIsClonedWithChanges) {
  v1::Job origin;
  origin.set_name("jobs/first");
  origin.set_state(v1::Job::FAILED);
  origin.set_priority(3);
  (*origin.mutable_labels())["team"] = "nlp";
  v1::FineTune& tune = *origin.mutable_spec()->mutable_fine_tune();
  tune.set_base_model("models/minilm");
  tune.set_train_dataset("datasets/reviews");
  tune.mutable_full();
  tune.mutable_hyperparameters()->set_seed(5);
  server_.jobs.Put(origin);
  ASSERT_EQ(
      Run({"submit", "--from", "first", "--method", "lora", "--set", "hyperparameters.epochs=1"}),
      0)
      << err();
  const v1::Job job = server_.jobs.creates().back().job();
  EXPECT_EQ(job.name(), "");
  EXPECT_EQ(job.priority(), 3);
  EXPECT_EQ(job.labels().at("team"), "nlp");
  EXPECT_EQ(job.spec().fine_tune().hyperparameters().seed(), 5u);
  EXPECT_EQ(job.spec().fine_tune().hyperparameters().epochs(), 1);
  EXPECT_TRUE(job.spec().fine_tune().has_lora());
  EXPECT_EQ(Run({"submit", "--from", "none"}), 12);
  EXPECT_EQ(Run({"submit", "--from", "first", "-f", "job.yaml"}), 2);
}

TEST_F(JobKindsTest, AJobStartsWithACheckpointOfAnother) {
  v1::Job origin;
  origin.set_name("jobs/first");
  origin.set_state(v1::Job::SUCCEEDED);
  v1::FineTune& tune = *origin.mutable_spec()->mutable_fine_tune();
  tune.set_base_model("models/minilm");
  tune.set_train_dataset("datasets/reviews");
  tune.mutable_full();
  tune.mutable_start_checkpoint()->set_job("jobs/zeroth");
  tune.mutable_start_checkpoint()->set_step(7);
  tune.mutable_start_checkpoint()->add_files()->set_path("manifest.json");
  server_.jobs.Put(origin);
  const auto start = [&] { return LastSpec().fine_tune().start_checkpoint().ShortDebugString(); };
  ASSERT_EQ(Run({"submit", "--from", "first"}), 0) << err();
  EXPECT_EQ(start(), "job: \"jobs/zeroth\" step: 7");
  for (const auto& [choice, ref] : std::map<std::string, std::string>{
           {"newest", ""}, {"best", " best: true"}, {"40", " step: 40"}}) {
    ASSERT_EQ(Run({"submit", "--from", "first", "--checkpoint", choice}), 0) << err();
    EXPECT_EQ(start(), "job: \"jobs/first\"" + ref);
  }
  ASSERT_EQ(Run({"submit", "--train", "reviews", "--set", "start_checkpoint.job=first", "--set",
                 "start_checkpoint.step=40"}),
            0)
      << err();
  EXPECT_EQ(start(), "job: \"jobs/first\" step: 40");
  EXPECT_EQ(LastSpec().fine_tune().base_model(), "");
  EXPECT_EQ(Run({"submit", "--from", "first", "--checkpoint", "last"}), 2);
  EXPECT_EQ(Run({"submit", "--train", "reviews", "--checkpoint", "newest"}), 2);
  EXPECT_THAT(err(), HasSubstr("--from"));
}

TEST_F(JobKindsTest, ASubmittedFileSaysHowItsLabelsRead) {
  const std::string file = folder_.Write("topics.csv", "text,label\na,x|y\n");
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", file, "--label-kind", "multi",
                 "--label-name", "x=sport", "--label-name", "y=news"}),
            0)
      << err();
  const v1::TextColumns columns = server_.datasets.last_created().columns();
  EXPECT_EQ(columns.label_kind(), v1::LABEL_KIND_MULTI);
  EXPECT_EQ(columns.label_names().at("y"), "news");
  const std::string multi = LastSpec().fine_tune().train_dataset();
  // Read another way, it is another dataset.
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", file}), 0);
  EXPECT_NE(LastSpec().fine_tune().train_dataset(), multi);
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", file, "--label-name", "x"}), 2);
  EXPECT_THAT(err(), HasSubstr("expected RAW=NAME"));
}

TEST_F(JobKindsTest, AModelIsEvaluatedByTheNameOfItsJob) {
  PutTuned();
  ASSERT_EQ(Run({"evaluate", "jobs/tuned", "--data", "reviews", "--no-base"}), 0) << err();
  EXPECT_EQ(LastSpec().evaluate().model(), "models/tuned");
  EXPECT_EQ(LastSpec().evaluate().dataset(), "datasets/reviews");
  EXPECT_FALSE(LastSpec().evaluate().compare_base());
  ASSERT_EQ(Run({"evaluate", "tuned", "--data", "reviews"}), 0) << err();
  EXPECT_FALSE(LastSpec().evaluate().has_compare_base());
}

TEST_F(JobKindsTest, AFileToPredictNeedsNoLabels) {
  PutTuned();
  const std::string file = folder_.Write("new.csv", "text\nfine\n");
  ASSERT_EQ(Run({"predict", "models/tuned", "--data", file}), 0) << err();
  EXPECT_EQ(LastSpec().predict().model(), "models/tuned");
  EXPECT_EQ(server_.datasets.last_created().columns().label_kind(), v1::LABEL_KIND_NONE);
}

TEST_F(JobKindsTest, TextsArePredictedAtOnceInTheirOrder) {
  PutTuned();
  v1::PredictResponse answer;
  for (const auto& [label, score] : {std::pair("good", 0.75), std::pair("bad", 0.5)}) {
    v1::Prediction& row = *answer.add_rows();
    row.set_label(label);
    (*row.mutable_scores())[label] = score;
  }
  server_.models.set_predictions(answer);
  ASSERT_EQ(
      Run({"predict", "tuned", "--text", "so fine", "--text", "-5 of 10", "--max-length", "16"}), 0)
      << err();
  EXPECT_EQ(out(),
            "LABEL  SCORE  TEXT\n"
            "good   0.750  so fine\n"
            "bad    0.500  -5 of 10\n");
  ASSERT_THAT(server_.models.predictions(), SizeIs(1));
  const v1::PredictRequest request = server_.models.predictions().front();
  EXPECT_EQ(request.name(), "models/tuned");
  EXPECT_EQ(request.max_length(), 16);
  ASSERT_EQ(request.rows_size(), 2);
  EXPECT_EQ(request.rows(0).texts(0), "so fine");
  EXPECT_THAT(server_.jobs.creates(), SizeIs(0));

  ASSERT_EQ(Run({"-o", "jsonl", "predict", "tuned", "--text", "so fine"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("{\"label\":\"good\",\"scores\":{\"good\":0.75}}\n"));
}

TEST_F(JobKindsTest, SeveralLabelsAndNumbersArePredictedToo) {
  PutTuned();
  v1::PredictResponse answer;
  v1::Prediction& several = *answer.add_rows();
  several.add_labels("sport");
  several.add_labels("news");
  (*several.mutable_scores())["news"] = 0.75;
  (*several.mutable_scores())["sport"] = 1;
  answer.add_rows();
  server_.models.set_predictions(answer);
  ASSERT_EQ(Run({"predict", "tuned", "--text", "both", "--text", "none"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("sport, news  1.000, 0.750  both"),
                           HasSubstr("-            -             none")));
  answer.Clear();
  answer.add_rows()->set_value(2.5);
  server_.models.set_predictions(answer);
  ASSERT_EQ(Run({"predict", "tuned", "--text", "a number"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("VALUE"), HasSubstr("2.5")));
}

TEST_F(JobKindsTest, APredictionIsOfAFileOrOfTexts) {
  PutTuned();
  EXPECT_EQ(Run({"predict", "tuned"}), 2);
  EXPECT_THAT(err(), HasSubstr("--data, --text or --image"));
  EXPECT_EQ(Run({"predict", "tuned", "--data", "reviews", "--text", "fine"}), 2);
  EXPECT_EQ(Run({"predict", folder_.Path(""), "--text", "fine"}), 2);
  EXPECT_THAT(err(), HasSubstr("attune models import"));
  EXPECT_EQ(Run({"predict", "models/none", "--text", "fine"}), 12);
}

TEST_F(JobKindsTest, PredictionsAreFetchedOnceTheJobIsDone) {
  PutTuned();
  const v1::FileRef file = Stored("predictions.jsonl", "{\"label\":\"pos\"}\n");
  ScriptedStream stream;
  v1::WatchJobResponse update;
  update.mutable_event()->set_sequence(1);
  update.mutable_event()->mutable_state()->set_state(v1::Job::SUCCEEDED);
  stream.updates.push_back(update);
  stream.before_end = [&] {
    v1::Job job;
    job.set_name("jobs/p");
    job.set_state(v1::Job::SUCCEEDED);
    *job.add_output_files() = file;
    server_.jobs.Put(job);
  };
  server_.jobs.AddStream(stream);
  ASSERT_EQ(
      Run({"predict", "tuned", "--data", "reviews", "--id", "p", "--output", folder_.Path("out")}),
      0)
      << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("output   predictions.jsonl, "),
                           HasSubstr("jobs/p → " + folder_.Path("out"))));
  EXPECT_EQ(folder_.Read("out/predictions.jsonl"), "{\"label\":\"pos\"}\n");
}

TEST_F(JobKindsTest, AFileIsCheckedForABaseWithoutAJob) {
  const std::string file = folder_.Write("data.csv", "text,label\na,b\n");
  ASSERT_EQ(Run({"datasets", "check", file, "--base", "minilm", "--max-length", "64"}), 0) << err();
  const v1::CreateJobRequest asked = server_.jobs.creates().back();
  EXPECT_TRUE(asked.validate_only());
  EXPECT_EQ(asked.job().spec().fine_tune().base_model(), "models/minilm");
  EXPECT_EQ(asked.job().spec().fine_tune().text_classification().max_length(), 64);
  EXPECT_THAT(out(), HasSubstr("nothing was submitted"));
  EXPECT_EQ(server_.jobs.job_count(), 0u);
}

TEST_F(JobKindsTest, ADryRunShowsWhyTheJobWouldFail) {
  v1::Job verdict;
  verdict.set_state(v1::Job::FAILED);
  verdict.mutable_failure()->set_message("line 3: the label 'x' is not one of a, b");
  server_.jobs.set_preview(verdict);
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--dry-run"}), 6);
  EXPECT_THAT(err(), HasSubstr("line 3: the label 'x' is not one of a, b"));
}

TEST_F(JobKindsTest, OneFormatOfAModelIsFetched) {
  PutTuned();
  ASSERT_EQ(Run({"export", "tuned", "--format", "peft", "--output", folder_.Path("p")}), 0)
      << err();
  EXPECT_EQ(folder_.Read("p/adapter_config.json"), "adapter");
  EXPECT_FALSE(PosixFileSystem().Exists(folder_.Path("p/config.json")));
  ASSERT_EQ(Run({"export", "tuned", "--format", "hf", "--output", folder_.Path("h")}), 0);
  EXPECT_EQ(folder_.Read("h/config.json"), "merged");
  EXPECT_FALSE(PosixFileSystem().Exists(folder_.Path("h/adapter")));
  ASSERT_EQ(Run({"download", "tuned", "--output", folder_.Path("all")}), 0);
  EXPECT_EQ(folder_.Read("all/adapter/adapter_config.json"), "adapter");
  EXPECT_EQ(Run({"export", "models/minilm", "--format", "peft"}), 1);
  EXPECT_THAT(err(), HasSubstr("was not tuned by LoRA"));
}

TEST_F(JobKindsTest, ACheckpointIsFetchedByItsStep) {
  for (const int64_t step : {20, 40}) {
    v1::Checkpoint checkpoint;
    checkpoint.set_step(step);
    checkpoint.set_best(step == 20);
    *checkpoint.add_files() = Stored("manifest.json", absl::StrCat("step ", step));
    server_.jobs.PutCheckpoint(checkpoint);
  }
  for (const auto& [choice, bytes] : std::map<std::string, std::string>{
           {"20", "step 20"}, {"newest", "step 40"}, {"best", "step 20"}}) {
    const std::string to = folder_.Path("c-" + choice);
    ASSERT_EQ(Run({"download", "a", "--checkpoint", choice, "--output", to}), 0) << err();
    EXPECT_EQ(folder_.Read("c-" + choice + "/manifest.json"), bytes);
  }
  EXPECT_EQ(Run({"download", "a", "--checkpoint", "30"}), 12);
  EXPECT_THAT(err(), HasSubstr("kept are those of the steps 20, 40"));
  EXPECT_EQ(Run({"download", "a", "--checkpoint", "last"}), 2);
}

}  // namespace
}  // namespace attune
