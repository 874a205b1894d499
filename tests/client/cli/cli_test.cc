// SPDX-License-Identifier: Apache-2.0
#include "client/cli/cli.h"

#include <gmock/gmock.h>

#include "base/digest.h"
#include "tests/client/cli/cli_fixture.h"

namespace attune {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(CliTest, SubmitsByNamesAndSaysWhereTheJobStands) {
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--eval-fraction", "0.05",
                 "--label", "team=nlp", "--set", "hyperparameters.epochs=1", "--id", "mine"}),
            0)
      << err();
  EXPECT_EQ(out(), "Submitted jobs/mine: queued, position 1\n");
  const auto creates = server_.jobs.creates();
  ASSERT_THAT(creates, SizeIs(1));
  const v1::FineTune& spec = creates[0].job().spec().fine_tune();
  EXPECT_EQ(spec.base_model(), "models/minilm");
  EXPECT_EQ(spec.train_dataset(), "datasets/reviews");
  EXPECT_DOUBLE_EQ(spec.hyperparameters().epochs(), 1);
  EXPECT_TRUE(spec.has_text_classification());
  EXPECT_EQ(creates[0].job().labels().at("team"), "nlp");
  EXPECT_THAT(creates[0].request_id(), SizeIs(36));
}

TEST_F(CliTest, UploadsLocalDataBeforeTheJob) {
  const std::string file = folder_.Write("my reviews.csv", "text,label\nfine,1\n");
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", file, "--text-column", "text"}), 0)
      << err();
  EXPECT_TRUE(server_.blobs.Has(Sha256::Hex("text,label\nfine,1\n")));
  const std::string dataset = server_.jobs.creates()[0].job().spec().fine_tune().train_dataset();
  EXPECT_THAT(dataset, StartsWith("datasets/my-reviews-"));
  ASSERT_EQ(Run({"submit", "--base", "minilm", "--train", file, "--text-column", "text"}), 0);
  EXPECT_THAT(err(), HasSubstr("already there: "));
  EXPECT_EQ(server_.jobs.creates()[1].job().spec().fine_tune().train_dataset(), dataset);
}

TEST_F(CliTest, ReadsAJobFileWithPathsRelativeToIt) {
  folder_.Write("sub/data.csv", "text,label\na,b\n");
  const std::string file = folder_.Write("sub/job.yaml",
                                         "spec:\n"
                                         "  fine_tune:\n"
                                         "    base_model: minilm\n"
                                         "    train_dataset: ./data.csv\n"
                                         "    text_classification: {}\n");
  ASSERT_EQ(Run({"submit", "-f", file, "--priority", "7"}), 0) << err();
  EXPECT_EQ(server_.jobs.creates()[0].job().priority(), 7);
  EXPECT_THAT(server_.jobs.creates()[0].job().spec().fine_tune().train_dataset(),
              StartsWith("datasets/data-"));
}

TEST_F(CliTest, ReadsAJobFromStandardInput) {
  in_.str("fine_tune: {base_model: minilm, train_dataset: reviews}\n");
  EXPECT_EQ(Run({"submit", "-f", "-"}), 0) << err();
  in_.clear();
  in_.str("fine_tune: {base_modle: minilm}\n");
  EXPECT_EQ(Run({"submit", "-f", "-"}), 6);
  EXPECT_THAT(err(), AllOf(HasSubstr("<stdin>:1:13: "), HasSubstr("did you mean 'base_model'?")));
}

TEST_F(CliTest, MakesNoJobOfBadData) {
  RefuseDatasets();
  const std::string file = folder_.Write("bad.csv", "text,label\n");
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", file}), 6);
  EXPECT_THAT(err(), HasSubstr("cannot be used; no job was made\n"
                               "bad.csv:7:3: not UTF-8\n  try: save as UTF-8\n"));
  EXPECT_THAT(server_.jobs.creates(), IsEmpty());
}

TEST_F(CliTest, RefusesAnInputThatIsNeitherNameNorFile) {
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "http://169.254.169.254/x"}), 6);
  EXPECT_THAT(err(), HasSubstr("neither a name of datasets nor a path"));
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "nothing"}), 12);
  EXPECT_THAT(server_.jobs.creates(), IsEmpty());
}

TEST_F(CliTest, MakesOneJobWhenRepliesAreLostAndTheCommandIsRepeated) {
  const std::vector<std::string> command = {"submit", "--base", "minilm", "--train", "reviews"};
  server_.jobs.LoseReplies(1000);
  EXPECT_EQ(Run(command), 5);
  server_.jobs.LoseReplies(0);
  EXPECT_EQ(Run(command), 0);
  EXPECT_THAT(err(), HasSubstr("got no answer: asking again"));
  EXPECT_EQ(server_.jobs.job_count(), 1u);
  EXPECT_EQ(Run(command), 0);
  EXPECT_EQ(server_.jobs.job_count(), 2u) << "an answered submit is not repeated";
}

TEST_F(CliTest, ChecksWithoutSubmittingOnADryRun) {
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--dry-run"}), 0);
  EXPECT_EQ(server_.jobs.job_count(), 0u);
  EXPECT_TRUE(server_.jobs.creates()[0].validate_only());
}

TEST_F(CliTest, WatchesWhatItSubmitted) {
  ScriptedStream stream;
  v1::WatchJobResponse update;
  update.mutable_event()->set_sequence(1);
  update.mutable_event()->mutable_state()->set_state(v1::Job::FAILED);
  stream.updates.push_back(update);
  stream.before_end = [this] { PutJob("jobs/mine", v1::Job::FAILED); };
  server_.jobs.AddStream(stream);
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--id", "mine", "--watch"}),
            10);
  EXPECT_THAT(out(), AllOf(HasSubstr("Submitted jobs/mine"), HasSubstr("jobs/mine FAILED")));
}

TEST_F(CliTest, ListsEveryPage) {
  for (const char* name : {"jobs/a", "jobs/b", "jobs/c"}) PutJob(name, v1::Job::QUEUED);
  EXPECT_EQ(Run({"jobs", "-o", "name"}), 0);
  EXPECT_EQ(out(), "jobs/a\njobs/b\njobs/c\n");
  EXPECT_EQ(Run({"jobs", "-o", "name", "--limit", "2"}), 0);
  EXPECT_EQ(out(), "jobs/a\njobs/b\n");
  EXPECT_EQ(Run({"jobs"}), 0);
  EXPECT_THAT(out(), StartsWith("NAME    STATE"));
}

TEST_F(CliTest, ExitsAsTheJobsItWaitedForEnded) {
  PutJob("jobs/good", v1::Job::SUCCEEDED);
  PutJob("jobs/bad", v1::Job::FAILED);
  PutJob("jobs/gone", v1::Job::CANCELLED);
  PutJob("jobs/slow", v1::Job::RUNNING);
  EXPECT_EQ(Run({"wait", "good"}), 0);
  EXPECT_EQ(Run({"wait", "good", "gone"}), 11);
  EXPECT_EQ(Run({"wait", "gone", "bad", "good"}), 10);
  EXPECT_EQ(Run({"wait", "none"}), 12);
  EXPECT_EQ(Run({"wait", "slow", "--timeout", "5"}), 3);
  EXPECT_THAT(err(), HasSubstr("jobs/slow is not final yet"));
}

TEST_F(CliTest, CancelsAndSaysTheNewState) {
  PutJob("jobs/a", v1::Job::QUEUED);
  EXPECT_EQ(Run({"cancel", "a"}), 0);
  EXPECT_EQ(out(), "jobs/a cancelled\n");
}

TEST_F(CliTest, DownloadsTheModelOfAJob) {
  server_.blobs.Put("{}");
  v1::Model model;
  model.set_name("models/a");
  auto& file = *model.add_files();
  file.set_path("config.json");
  file.set_size_bytes(2);
  file.set_sha256(Sha256::Hex("{}"));
  server_.models.Put(model);
  PutJob("jobs/a", v1::Job::SUCCEEDED, "models/a");
  PutJob("jobs/b", v1::Job::RUNNING);
  EXPECT_EQ(Run({"download", "a", "--output", folder_.Path("out")}), 0) << err();
  EXPECT_EQ(out(), "models/a → " + folder_.Path("out") + "\n");
  EXPECT_EQ(folder_.Read("out/config.json"), "{}");
  EXPECT_EQ(Run({"download", "a", "--output", folder_.Path("out")}), 1);
  EXPECT_THAT(err(), HasSubstr("--force"));
  EXPECT_EQ(Run({"download", "b", "--output", folder_.Path("other")}), 1);
  EXPECT_THAT(err(), HasSubstr("has no model: it is running"));
}

TEST_F(CliTest, AddsADatasetAndRefusesABadOne) {
  const std::string file = folder_.Write("data.csv", "text,label\na,b\n");
  EXPECT_EQ(Run({"datasets", "add", file, "--id", "data"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("datasets/data  READY"));
  folder_.Write("data.csv", "text,label\nother,b\n");
  EXPECT_EQ(Run({"datasets", "add", file, "--id", "data"}), 6);
  EXPECT_THAT(err(), HasSubstr("exists and has another content"));
  RefuseDatasets();
  EXPECT_EQ(Run({"datasets", "add", file, "--id", "bad"}), 6);
  EXPECT_THAT(err(), HasSubstr("data.csv:7:3: not UTF-8"));
}

TEST_F(CliTest, ImportsAModelOnce) {
  folder_.Write("My_Model/config.json", "{}");
  folder_.Write("My_Model/model.safetensors", "w");
  folder_.Write("My_Model/pytorch_model.bin", "p");
  EXPECT_EQ(Run({"models", "import", folder_.Path("My_Model/"), "-o", "name"}), 0) << err();
  EXPECT_THAT(out(), StartsWith("models/my-model-"));
  EXPECT_THAT(err(), HasSubstr("left out pytorch_model.bin"));
  EXPECT_EQ(Run({"models", "import", folder_.Path("My_Model"), "-o", "name"}), 0);
  EXPECT_THAT(err(), HasSubstr("is already there"));
}

TEST_F(CliTest, ExplainsUnknownWords) {
  EXPECT_EQ(Run({"sumbit"}), 2);
  EXPECT_THAT(err(), HasSubstr("unknown command 'sumbit'; did you mean 'submit'?"));
  EXPECT_EQ(Run({"datasets", "ad"}), 2);
  EXPECT_THAT(err(), HasSubstr("unknown command 'ad'; did you mean 'add'?"));
  EXPECT_EQ(Run({"submit", "--trian=x"}), 2);
  EXPECT_THAT(err(), HasSubstr("unknown flag --trian; did you mean '--train'?"));
  EXPECT_EQ(Run({"submit", "--set", "hyperparameters.epoch=1"}), 2);
  EXPECT_THAT(err(), HasSubstr("did you mean 'epochs'?"));
  EXPECT_EQ(Run({"jobs", "--state", "runing"}), 2);
  EXPECT_THAT(err(), HasSubstr("did you mean 'RUNNING'?"));
}

TEST_F(CliTest, RefusesFlagsThatMakeNoSense) {
  EXPECT_EQ(Run({}), 2);
  EXPECT_EQ(Run({"submit", "--priority=1e3"}), 2);
  EXPECT_EQ(Run({"submit", "--eval-fraction=0,1"}), 2);
  EXPECT_EQ(Run({"submit", "--train"}), 2);
  EXPECT_EQ(Run({"submit", "--train", "a", "--train", "b"}), 2);
  EXPECT_EQ(Run({"jobs", "-o", "xml"}), 2);
  EXPECT_EQ(Run({"get", "jobs/UPPER"}), 2);
  EXPECT_EQ(Run({"cancel"}), 2);
}

TEST_F(CliTest, TakesNoSecretFromTheCommandLine) {
  EXPECT_EQ(Run({"jobs", "--token", "hunter2"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("--token-file or ATTUNE_TOKEN"), Not(HasSubstr("hunter2"))));
}

TEST_F(CliTest, SaysHowToStartAServerThatIsNotThere) {
  environment_["ATTUNE_SERVER"] = "127.0.0.1:1";
  EXPECT_EQ(Run({"jobs"}), 5);
  EXPECT_THAT(err(), HasSubstr("is attuned running? start it with build/bin/attuned"));
}

TEST_F(CliTest, PrintsHelpOnTheResultStream) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("submit"));
  EXPECT_EQ(Run({"submit", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("--eval-fraction"));
}

TEST_F(CliTest, PrintsItsVersionWithoutAServer) {
  environment_["ATTUNE_SERVER"] = "127.0.0.1:1";
  EXPECT_EQ(Run({"version"}), 0);
  EXPECT_THAT(out(), StartsWith("attune "));
}

TEST_F(CliTest, FailsWhenTheResultCannotBeWritten) {
  PutJob("jobs/a", v1::Job::QUEUED);
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(Run({"jobs"}), 1);
  EXPECT_THAT(err(), HasSubstr("cannot write the result"));
}

}  // namespace
}  // namespace attune
