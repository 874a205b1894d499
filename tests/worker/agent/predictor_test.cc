// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "google/protobuf/util/time_util.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes/temp_dir.h"
#include "tests/worker/agent/scripted_server.h"
#include "tests/worker/agent/scripted_trainer.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PredictorTest : public ::testing::Test {
 protected:
  PredictorTest() {
    EXPECT_TRUE(cache_.Init().ok());
    options_.runtime_bytes = 100 << 20;
    options_.available_memory = [this] { return available_; };
    predictor_ = std::make_unique<Predictor>(
        RunnerParts{lane_, lane_, PosixFileSystem(), rng_, server_, launcher_, cache_}, options_,
        dir_.path(),
        Predictor::Callbacks{
            .answer = [this](v1::PredictionAnswer answer) { answers_.push_back(answer); },
            .memory_to_come = [this] { return to_come_; }});
    EXPECT_TRUE(predictor_->RecoverLeftovers().ok());
  }

  void Ask(int64_t call, const std::string& model = "a",
           absl::Duration timeout = absl::Seconds(60)) {
    v1::TextRow row;
    row.add_texts("so fine");
    Ask(row, call, model, timeout);
  }
  void Ask(const v1::TextRow& row, int64_t call, const std::string& model, absl::Duration timeout) {
    v1::PredictOrder order;
    order.set_call_id(call);
    *order.add_model_files() = server_.AddBlob("config.json", "config of " + model);
    *order.add_model_files() = server_.AddBlob("model.safetensors", "weights of " + model);
    *order.add_rows() = row;
    order.set_max_length(16);
    order.mutable_decoding()->set_beam_size(4);
    *order.mutable_timeout() =
        google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(timeout));
    predictor_->Ask(order);
    loop_.RunUntilIdle();
  }
  void Answer() {
    launcher_.last().Say(
        launcher_.last().asked().call,
        PredictionFrame{{R"({"label":"good","scores":{"good":0.75,"bad":0.25}})"}});
    loop_.RunUntilIdle();
  }
  std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const v1::PredictionAnswer& answer : answers_) {
      told.push_back(absl::StrCat(answer.call_id(), " ",
                                  answer.has_failure()
                                      ? v1::ErrorReason_Name(answer.failure().reason())
                                      : answer.rows(0).label()));
    }
    return told;
  }

  TempDir dir_;
  SimLoop loop_;
  SeededRng rng_{1};
  SimExecutor& lane_ = loop_.NewExecutor("agent");
  ScriptedServer server_{loop_.NewExecutor("network")};
  ScriptedLauncher launcher_{loop_.NewExecutor("machine")};
  BlobCache cache_{PosixFileSystem(), dir_.Path("cache"), 1 << 20};
  int64_t available_ = int64_t{1} << 30, to_come_ = 0;
  PredictorOptions options_;
  std::vector<v1::PredictionAnswer> answers_;
  std::unique_ptr<Predictor> predictor_;
};

TEST_F(PredictorTest, AsksOneProcessOfOneThreadAndTellsWhatItSays) {
  Ask(7);
  ASSERT_EQ(launcher_.trainers.size(), 1u);
  EXPECT_TRUE(launcher_.last().options.predicts);
  EXPECT_EQ(launcher_.last().options.threads, 1);
  const PredictCommand& asked = launcher_.last().asked();
  EXPECT_THAT(asked.rows, ElementsAre(ElementsAre("so fine")));
  EXPECT_EQ(asked.max_length, 16);
  EXPECT_EQ(asked.decoding.beam_size, 4);
  EXPECT_EQ(PosixFileSystem().ReadFile(asked.model_dir + "/model.safetensors").value_or(""),
            "weights of a");
  Answer();
  ASSERT_THAT(Told(), ElementsAre("7 good"));
  EXPECT_EQ(answers_[0].rows(0).scores().at("bad"), 0.25);
}

TEST_F(PredictorTest, AnImageGoesToTheProcessInBase64) {
  v1::TextRow row;
  row.set_image(std::string("\x89PNG\0\xff", 6));
  Ask(row, 7, "a", absl::Seconds(60));
  EXPECT_THAT(launcher_.last().asked().rows, ElementsAre(ElementsAre("iVBORwD/")));
}

TEST_F(PredictorTest, ATranslationIsToldAsItIs) {
  Ask(7);
  launcher_.last().Say(launcher_.last().asked().call,
                       PredictionFrame{{R"({"translation":"t\u00e3o bom"})"}});
  loop_.RunUntilIdle();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].rows(0).translation(), "tão bom");
}

TEST_F(PredictorTest, KeepsTheModelForTheNextCall) {
  Ask(1);
  Answer();
  Ask(2);
  Answer();
  EXPECT_THAT(Told(), ElementsAre("1 good", "2 good"));
  EXPECT_EQ(launcher_.trainers.size(), 1u);
  EXPECT_EQ(server_.fetches.size(), 2u);
}

TEST_F(PredictorTest, AnswersOneCallAfterTheOther) {
  Ask(1);
  Ask(2);
  EXPECT_EQ(launcher_.last().commands.size(), 1u);
  Answer();
  EXPECT_EQ(launcher_.last().commands.size(), 2u);
  Answer();
  EXPECT_THAT(Told(), ElementsAre("1 good", "2 good"));
}

TEST_F(PredictorTest, AnotherModelGetsAnotherProcessOnceTheFirstIsDead) {
  Ask(1);
  Answer();
  launcher_.last().dies_when_killed = false;
  Ask(2, "b");
  EXPECT_EQ(launcher_.trainers.size(), 1u);
  launcher_.last().Exit({.signal = SIGKILL});
  loop_.RunUntilIdle();
  ASSERT_EQ(launcher_.trainers.size(), 2u);
  EXPECT_EQ(
      PosixFileSystem().ReadFile(launcher_.last().asked().model_dir + "/config.json").value_or(""),
      "config of b");
}

TEST_F(PredictorTest, EndsTheProcessWhenNobodyAskedForAMinute) {
  Ask(1);
  Answer();
  loop_.RunFor(absl::Seconds(50));
  Ask(2);
  Answer();
  loop_.RunFor(absl::Seconds(50));
  EXPECT_EQ(launcher_.alive(), 1);
  loop_.RunFor(absl::Seconds(11));
  EXPECT_EQ(launcher_.alive(), 0);
  Ask(3);
  EXPECT_EQ(launcher_.trainers.size(), 2u);
}

TEST_F(PredictorTest, RefusesWhatMemoryDoesNotAllowAndSaysTheFigures) {
  available_ = int64_t{300} << 20;
  to_come_ = int64_t{201} << 20;
  Ask(1);
  EXPECT_THAT(launcher_.trainers, IsEmpty());
  ASSERT_THAT(Told(), ElementsAre("1 OUT_OF_MEMORY"));
  EXPECT_EQ(answers_[0].failure().code(), static_cast<int>(absl::StatusCode::kResourceExhausted));
  for (const char* figure : {"100 MiB", "300 MiB", "201 MiB"}) {
    EXPECT_THAT(answers_[0].failure().message(), HasSubstr(figure));
  }
  to_come_ = 0;
  Ask(2);
  EXPECT_EQ(launcher_.alive(), 1);
}

TEST_F(PredictorTest, ACallWhoseTimeIsOverEndsAProcessThatWorksOnIt) {
  Ask(1, "a", absl::Seconds(5));
  Ask(2);
  loop_.RunFor(absl::Seconds(6));
  EXPECT_THAT(Told(), IsEmpty());
  ASSERT_EQ(launcher_.trainers.size(), 2u);
  Answer();
  EXPECT_THAT(Told(), ElementsAre("2 good"));
}

TEST_F(PredictorTest, GivesUpFetchingWhenNobodyWaitsAnyMore) {
  server_.reachable = false;
  Ask(1, "a", absl::Seconds(5));
  loop_.RunFor(absl::Seconds(120));
  server_.reachable = true;
  loop_.RunFor(absl::Seconds(120));
  EXPECT_THAT(server_.fetches, IsEmpty());
  EXPECT_THAT(launcher_.trainers, IsEmpty());
}

TEST_F(PredictorTest, AProcessThatDiesFailsItsCallAloneAndIsReplaced) {
  Ask(1);
  Ask(2);
  launcher_.last().Exit({.signal = SIGSEGV});
  loop_.RunUntilIdle();
  EXPECT_THAT(Told(), ElementsAre("1 TRAINER_CRASHED"));
  EXPECT_THAT(answers_[0].failure().message(), HasSubstr("signal 11"));
  ASSERT_EQ(launcher_.trainers.size(), 2u);
  Answer();
  EXPECT_EQ(Told().back(), "2 good");
}

TEST_F(PredictorTest, WhatTheProcessRefusesIsToldAsItSaysIt) {
  Ask(1);
  launcher_.last().Say(launcher_.last().asked().call,
                       FailedFrame{"USER", "INVALID_MODEL", "no classifier", 0});
  loop_.RunUntilIdle();
  ASSERT_THAT(Told(), ElementsAre("1 INVALID_MODEL"));
  EXPECT_EQ(answers_[0].failure().code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(answers_[0].failure().message(), "no classifier");
}

TEST_F(PredictorTest, WordsThatAreNoAnswerFailTheCall) {
  Ask(1);
  launcher_.last().Say(launcher_.last().asked().call, PredictionFrame{{"no json"}});
  loop_.RunUntilIdle();
  Ask(2);
  launcher_.last().Say(launcher_.last().asked().call, PredictionFrame{{"{}", "{}"}});
  loop_.RunUntilIdle();
  Ask(3);
  launcher_.last().Say(99, PredictionFrame{{"{}"}});
  loop_.RunUntilIdle();
  EXPECT_THAT(Told(), ElementsAre("1 INTERNAL_FAULT", "2 INTERNAL_FAULT", "3 INTERNAL_FAULT"));
}

TEST_F(PredictorTest, WhoseSessionIsGoneIsNotAnsweredAndTheModelStays) {
  Ask(1);
  predictor_->ForgetAll();
  Answer();
  EXPECT_THAT(Told(), IsEmpty());
  Ask(2);
  Answer();
  EXPECT_THAT(Told(), ElementsAre("2 good"));
  EXPECT_EQ(launcher_.trainers.size(), 1u);
}

TEST_F(PredictorTest, DrainingEndsItAndRefusesWhatComes) {
  Ask(1);
  Ask(2);
  predictor_->Drain();
  loop_.RunUntilIdle();
  EXPECT_EQ(launcher_.alive(), 0);
  Ask(3);
  EXPECT_THAT(Told(), ElementsAre("1 DRAINING", "2 DRAINING", "3 DRAINING"));
  EXPECT_EQ(launcher_.trainers.size(), 1u);
}

TEST_F(PredictorTest, MoreCallsThanMayWaitAreRefused) {
  for (int call = 1; call <= 17; ++call) Ask(call);
  EXPECT_THAT(Told(), ElementsAre("17 TOO_MANY_CALLS"));
}

TEST_F(PredictorTest, TheProcessOfAnEarlierAgentIsProvedDeadFirst) {
  Ask(1);
  Predictor next(RunnerParts{lane_, lane_, PosixFileSystem(), rng_, server_, launcher_, cache_},
                 options_, dir_.path(), {});
  EXPECT_TRUE(next.RecoverLeftovers().ok());
  EXPECT_THAT(launcher_.proved_dead, ElementsAre("trainer 1"));
}

}  // namespace
}  // namespace attune
