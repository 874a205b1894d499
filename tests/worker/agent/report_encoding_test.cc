// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/report_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "attune/v1/job.pb.h"

namespace attune {
namespace {

TEST(EncodeReport, FlattensTheConfusionMatrixByRows) {
  EvaluationFrame frame;
  frame.split = "TEST_BASE";
  frame.confusion = {{1, 2}, {3, 4}};
  frame.metrics = {{"accuracy", 0.5}};
  const v1::Evaluation evaluation = EncodeReport(frame).evaluation();
  EXPECT_EQ(evaluation.split(), v1::Evaluation::TEST_BASE);
  EXPECT_THAT(evaluation.confusion_matrix(), ::testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(evaluation.metrics().at("accuracy"), 0.5);
}

TEST(EncodeReport, SamplesAreToldUpToALengthThatPeopleRead) {
  EvaluationFrame frame;
  EXPECT_EQ(EncodeReport(frame).evaluation().samples_size(), 0);
  std::string accents;
  while (accents.size() < 5000) accents += "é";
  frame.samples = {{"a cat", "um gato", accents}};
  const v1::Evaluation evaluation = EncodeReport(frame).evaluation();
  ASSERT_EQ(evaluation.samples_size(), 1);
  EXPECT_EQ(evaluation.samples(0).source(), "a cat");
  EXPECT_EQ(evaluation.samples(0).reference(), "um gato");
  const std::string& cut = evaluation.samples(0).translation();
  EXPECT_EQ(cut.size(), 4095u);  // of 4,096, without half a character
  EXPECT_EQ(cut.substr(4090), "é…");
}

TEST(EncodeReport, PhasesAreReasonsOfAJob) {
  EXPECT_EQ(EncodeReport(PhaseFrame{"WAITING_FOR_DISK"}).phase().reason(),
            v1::Job::WAITING_FOR_DISK);
  EXPECT_EQ(EncodeReport(PhaseFrame{"of a newer trainer"}).phase().reason(), v1::Job::TRAINING);
}

TEST(EncodeReport, AFailureOfAnUnknownClassIsRetriedRatherThanBlamedOnTheUser) {
  const v1::Failed failed = EncodeReport(FailedFrame{"COSMIC", "UNHEARD_OF", "ray", 4}).failed();
  EXPECT_EQ(failed.failure_class(), v1::Failed::INFRA);
  EXPECT_EQ(failed.reason(), v1::TRAINER_CRASHED);
  EXPECT_EQ(failed.message(), "ray");
}

TEST(EncodeReport, ACheckpointNamesItsManifestAndFiles) {
  CheckpointFrame frame;
  frame.step = 8;
  frame.manifest_sha256 = std::string(64, 'a');
  frame.files = {{"manifest.json", 10, std::string(64, 'a')}};
  const v1::Checkpoint checkpoint = EncodeReport(frame).checkpoint();
  EXPECT_EQ(checkpoint.step(), 8);
  EXPECT_EQ(checkpoint.files(0).path(), "manifest.json");
  EXPECT_EQ(checkpoint.files(0).sha256(), checkpoint.manifest_sha256());
}

TEST(EncodeReport, ASuccessCarriesWhatTheTrainerKnowsOfItsModel) {
  SucceededFrame frame{.step = 30, .peak_memory_bytes = 4096, .model_type = "bert"};
  frame.architecture = "BertForSequenceClassification";
  frame.parameters = 7;
  frame.max_length = 512;
  frame.labels = {"no", "yes"};
  frame.export_checks = {{"merged", 8, 1e-7}};
  const v1::Succeeded succeeded = EncodeReport(frame).succeeded();
  EXPECT_EQ(succeeded.peak_memory_bytes(), 4096);
  EXPECT_EQ(succeeded.model().model_type(), "bert");
  EXPECT_EQ(succeeded.model().architecture(), "BertForSequenceClassification");
  EXPECT_EQ(succeeded.model().parameters(), 7);
  EXPECT_EQ(succeeded.model().max_length(), 512);
  EXPECT_THAT(succeeded.model().labels(), ::testing::ElementsAre("no", "yes"));
  ASSERT_EQ(succeeded.model().export_checks_size(), 1);
  EXPECT_EQ(succeeded.model().export_checks(0).format(), "merged");
  EXPECT_EQ(succeeded.model().export_checks(0).rows(), 8);
  EXPECT_EQ(succeeded.model().export_checks(0).max_difference(), 1e-7);
  EXPECT_FALSE(EncodeReport(SucceededFrame{.step = 30}).succeeded().has_model());
}

TEST(StopCauses, HaveOneSpellingEach) {
  for (const v1::StopCause cause :
       {v1::STOP_CAUSE_PAUSE, v1::STOP_CAUSE_CANCEL, v1::STOP_CAUSE_PREEMPT, v1::STOP_CAUSE_DRAIN,
        v1::STOP_CAUSE_TIME_LIMIT, v1::STOP_CAUSE_STALE}) {
    EXPECT_EQ(StopCauseFrom(StopCauseName(cause)), cause);
  }
}

TEST(CrashReport, SaysWhatToDoAboutASilentKill) {
  const v1::Failed failed = CrashReport({.signal = SIGKILL}, 3).failed();
  EXPECT_EQ(failed.failure_class(), v1::Failed::INFRA);
  EXPECT_EQ(failed.exit_code(), 137);
  EXPECT_THAT(failed.message(), ::testing::HasSubstr("batch_size"));
  EXPECT_EQ(CrashReport({.code = 3}, 3).failed().exit_code(), 3);
}

}  // namespace
}  // namespace attune
