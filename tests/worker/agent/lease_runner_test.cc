// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/lease_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes/temp_dir.h"
#include "tests/worker/agent/scripted_server.h"
#include "tests/worker/agent/scripted_trainer.h"

namespace attune {
namespace {

constexpr int64_t kFence = 7;

class LeaseRunnerTest : public ::testing::Test {
 protected:
  LeaseRunnerTest() {
    EXPECT_TRUE(cache_.Init().ok());
    lease_ = server_.MakeLease("jobs/reviews", kFence);
  }

  LeaseRunner& NewRunner() {
    EXPECT_TRUE(files_.MakeDirs(folder_.root()).ok());
    v1::HeldAttempt identity;
    identity.set_job(lease_.job());
    identity.set_attempt(lease_.attempt());
    identity.set_fence(lease_.fence());
    const RunnerParts parts{agent_, io_, files_, rng_, server_, launcher_, cache_};
    runner_ = std::make_unique<LeaseRunner>(
        parts, RunnerOptions{}, folder_, *EventOutbox::Create(files_, folder_.outbox(), identity),
        LeaseRunner::Callbacks{.may_send = [] { return true; },
                               .on_trainer_dead = [this] { slot_free_ = true; },
                               .on_done = [this] { done_ = true; }});
    return *runner_;
  }
  // To the point where the trainer has its spec.
  void RunToTrainer() {
    NewRunner().Run(lease_, TrainerOptions{.threads = 4});
    loop_.RunUntilIdle();
    ASSERT_EQ(launcher_.trainers.size(), 1u);
    trainer_ = &launcher_.last();
    ASSERT_EQ(trainer_->commands.size(), 1u);
  }
  std::vector<FileEntry> WriteFiles(const std::string& dir, const std::string& bytes) {
    EXPECT_TRUE(files_.MakeDirs(dir).ok());
    EXPECT_TRUE(files_.WriteFileAtomically(JoinPath(dir, "manifest.json"), bytes).ok());
    return {{"manifest.json", static_cast<int64_t>(bytes.size()), Sha256::Hex(bytes)}};
  }
  CheckpointFrame WriteCheckpoint(int64_t step) {
    CheckpointFrame frame;
    frame.step = step;
    frame.dir = JoinPath(trainer_->spec().work_dir, absl::StrCat("checkpoint-", step));
    frame.files = WriteFiles(frame.dir, absl::StrCat("checkpoint ", step));
    frame.manifest_sha256 = frame.files[0].sha256;
    return frame;
  }
  void Say(const TrainerEvent& event) {
    trainer_->Say(event);
    loop_.RunUntilIdle();
  }
  void Exit(ExitStatus status) {
    trainer_->Exit(status);
    loop_.RunUntilIdle();
  }
  const v1::AttemptReport& LastReport() { return server_.reports[kFence].back(); }

  TempDir dir_;
  FileSystem& files_ = PosixFileSystem();
  SimLoop loop_;
  SimExecutor& agent_ = loop_.NewExecutor("agent");
  SimExecutor& io_ = loop_.NewExecutor("io");
  SeededRng rng_{1};
  ScriptedServer server_{loop_.NewExecutor("network")};
  ScriptedLauncher launcher_{loop_.NewExecutor("machine")};
  BlobCache cache_{files_, dir_.Path("cache"), 1 << 20};
  const AttemptFolder folder_ = AttemptFolder::For(dir_.path(), "jobs/reviews", kFence);
  v1::Lease lease_;
  ScriptedTrainer* trainer_ = nullptr;
  bool slot_free_ = false, done_ = false;
  std::unique_ptr<LeaseRunner> runner_;
};

TEST_F(LeaseRunnerTest, GivesTheTrainerItsInputsAsFilesOfItsOwnFolder) {
  RunToTrainer();
  const TrainerSpec& spec = trainer_->spec();
  EXPECT_EQ(*files_.ReadFile(JoinPath(spec.base_model_dir, "model.safetensors")), "weights");
  EXPECT_THAT(*files_.ReadFile(spec.train.path), ::testing::StartsWith("text,label"));
  EXPECT_EQ(spec.threads, 2);
  EXPECT_THAT(spec.labels, ::testing::ElementsAre("neg", "pos"));
  EXPECT_TRUE(files_.Exists(folder_.identity()));
}

TEST_F(LeaseRunnerTest, ReportsSuccessOnlyWhenTheTrainerIsDeadAndItsModelIsUploaded) {
  RunToTrainer();
  Say(StartedFrame{.device = "cpu", .total_steps = 10, .steps_per_epoch = 5});
  Say(MetricsFrame{.step = 10});
  SucceededFrame done{.step = 10, .model_dir = JoinPath(trainer_->spec().work_dir, "model")};
  done.files = WriteFiles(done.model_dir, "tuned");
  Say(done);
  EXPECT_EQ(server_.Story(kFence), "started metrics phase");
  EXPECT_THAT(server_.uploads, ::testing::ElementsAre(Sha256::Hex("tuned")));
  Exit({});
  EXPECT_EQ(server_.Story(kFence), "started metrics phase succeeded");
  EXPECT_TRUE(done_);
  EXPECT_FALSE(files_.Exists(folder_.root()));
  EXPECT_EQ(server_.reports[kFence][0].started().total_epochs(), 2);
}

TEST_F(LeaseRunnerTest, AnEvaluationSucceedsWithoutAnythingToUpload) {
  RunToTrainer();
  Say(StartedFrame{.device = "cpu"});
  Say(SucceededFrame{});
  Exit({});
  EXPECT_EQ(server_.Story(kFence), "started phase succeeded");
  EXPECT_TRUE(server_.uploads.empty());
  EXPECT_TRUE(done_);
}

TEST_F(LeaseRunnerTest, ReportsACheckpointOnlyOnceItsBlobsAreThere) {
  RunToTrainer();
  server_.reachable = false;
  const CheckpointFrame frame = WriteCheckpoint(5);
  Say(frame);
  // The trainer's retention may remove its copy at any time.
  ASSERT_TRUE(files_.RemoveTree(frame.dir).ok());
  EXPECT_EQ(server_.Story(kFence), "");
  server_.reachable = true;
  loop_.RunFor(absl::Minutes(1));
  EXPECT_EQ(server_.Story(kFence), "checkpoint");
  EXPECT_EQ(server_.blobs[Sha256::Hex("checkpoint 5")], "checkpoint 5");
  EXPECT_EQ(LastReport().checkpoint().manifest_sha256(), frame.manifest_sha256);
}

TEST_F(LeaseRunnerTest, ReportsACheckpointBeforeTheStopThatAskedForIt) {
  RunToTrainer();
  runner_->Stop(v1::STOP_CAUSE_PAUSE);
  ASSERT_THAT(trainer_->stops(), ::testing::ElementsAre("pause"));
  server_.reachable = false;
  Say(WriteCheckpoint(6));
  Say(StoppedFrame{"pause", 6});
  Exit({});
  server_.reachable = true;
  loop_.RunFor(absl::Minutes(1));
  EXPECT_EQ(server_.Story(kFence), "checkpoint stopped");
  EXPECT_EQ(LastReport().stopped().cause(), v1::STOP_CAUSE_PAUSE);
  EXPECT_EQ(LastReport().stopped().step(), 6);
}

TEST_F(LeaseRunnerTest, ATrainerThatDiesWithoutAWordIsAnInfraFailureWithItsLog) {
  RunToTrainer();
  Say(MetricsFrame{.step = 4});
  trainer_->callbacks.on_log("terminate called\n");
  Exit({.signal = SIGSEGV});
  const v1::Failed& failed = LastReport().failed();
  EXPECT_EQ(failed.failure_class(), v1::Failed::INFRA);
  EXPECT_EQ(failed.reason(), v1::TRAINER_CRASHED);
  EXPECT_EQ(failed.exit_code(), 128 + SIGSEGV);
  EXPECT_EQ(failed.log_tail(), "terminate called\n");
  EXPECT_EQ(failed.step(), 4);
  EXPECT_THAT(failed.message(), ::testing::HasSubstr("SIGSEGV"));
  EXPECT_TRUE(done_);
}

TEST_F(LeaseRunnerTest, SaysNothingFinalBeforeTheProofOfDeath) {
  RunToTrainer();
  trainer_->dies_when_killed = false;
  Say(FailedFrame{"USER", "NON_FINITE_LOSS", "nan", 3});
  loop_.RunFor(absl::Hours(1));
  EXPECT_EQ(server_.Story(kFence), "");
  EXPECT_FALSE(slot_free_);
  Exit({.code = 1});
  EXPECT_EQ(server_.Story(kFence), "failed");
  EXPECT_TRUE(slot_free_);
}

TEST_F(LeaseRunnerTest, KeepsTheClassAndReasonThatTheTrainerGave) {
  RunToTrainer();
  Say(FailedFrame{"USER", "NON_FINITE_LOSS", "the loss is nan at step 3", 3});
  Exit({.code = 1});
  EXPECT_EQ(LastReport().failed().failure_class(), v1::Failed::USER);
  EXPECT_EQ(LastReport().failed().reason(), v1::NON_FINITE_LOSS);
  EXPECT_EQ(LastReport().failed().exit_code(), 1);
}

TEST_F(LeaseRunnerTest, ABrokenFrameEndsTheTrainer) {
  RunToTrainer();
  trainer_->callbacks.on_event(absl::InvalidArgumentError("step: is missing"));
  loop_.RunUntilIdle();
  EXPECT_FALSE(trainer_->alive);
  EXPECT_EQ(LastReport().failed().failure_class(), v1::Failed::INFRA);
  EXPECT_THAT(LastReport().failed().message(), ::testing::HasSubstr("step: is missing"));
}

TEST_F(LeaseRunnerTest, APredictionIsNoWordOfATrainer) {
  RunToTrainer();
  trainer_->Say(PredictionFrame{{"{}"}});
  loop_.RunUntilIdle();
  EXPECT_FALSE(trainer_->alive);
  EXPECT_THAT(LastReport().failed().message(), ::testing::HasSubstr("sent a prediction"));
}

TEST_F(LeaseRunnerTest, ACancelIsEnforcedWithinItsGraceAndReportedAsAStop) {
  RunToTrainer();
  runner_->Stop(v1::STOP_CAUSE_CANCEL);
  loop_.RunFor(absl::Seconds(2));
  EXPECT_FALSE(trainer_->alive);
  EXPECT_EQ(server_.Story(kFence), "stopped");
  EXPECT_EQ(LastReport().stopped().cause(), v1::STOP_CAUSE_CANCEL);
}

TEST_F(LeaseRunnerTest, APauseGetsTimeForItsCheckpointAndTurnsIntoACancelAtOnce) {
  RunToTrainer();
  runner_->Stop(v1::STOP_CAUSE_PAUSE);
  loop_.RunFor(absl::Seconds(100));
  EXPECT_TRUE(trainer_->alive);
  runner_->Stop(v1::STOP_CAUSE_CANCEL);
  runner_->Stop(v1::STOP_CAUSE_DRAIN);  // changes nothing any more
  loop_.RunFor(absl::Seconds(2));
  EXPECT_FALSE(trainer_->alive);
  EXPECT_EQ(LastReport().stopped().cause(), v1::STOP_CAUSE_CANCEL);
}

TEST_F(LeaseRunnerTest, AStopWhileFetchingStartsNoTrainer) {
  server_.reachable = false;
  lease_.set_resume_step(40);
  NewRunner().Run(lease_, {});
  loop_.RunFor(absl::Seconds(10));
  runner_->Stop(v1::STOP_CAUSE_PAUSE);
  server_.reachable = true;
  loop_.RunFor(absl::Minutes(2));
  EXPECT_TRUE(launcher_.trainers.empty());
  EXPECT_EQ(server_.Story(kFence), "stopped");
  EXPECT_EQ(LastReport().stopped().step(), 40);
}

TEST_F(LeaseRunnerTest, AStaleFenceKillsTheTrainerAndReportsNothing) {
  RunToTrainer();
  server_.next_report_answers = {MakeError(absl::StatusCode::kAborted, "STALE_ATTEMPT", "old")};
  Say(MetricsFrame{.step = 1});
  EXPECT_FALSE(trainer_->alive);
  EXPECT_TRUE(done_);
  EXPECT_EQ(server_.Story(kFence), "");
  EXPECT_FALSE(files_.Exists(folder_.root()));
}

TEST_F(LeaseRunnerTest, ARejectedAttemptEndsButKeepsItsFiles) {
  RunToTrainer();
  server_.next_report_answers = {absl::InvalidArgumentError("step above total")};
  Say(MetricsFrame{.step = 1});
  EXPECT_FALSE(trainer_->alive);
  EXPECT_TRUE(done_);
  EXPECT_TRUE(files_.Exists(folder_.outbox() + ".rejected"));
}

TEST_F(LeaseRunnerTest, ADamagedCacheIsNoticedAndFetchedAgain) {
  RunToTrainer();
  Exit({.signal = SIGKILL});
  const std::string blob = cache_.PathOf(Sha256::Hex("weights"));
  ASSERT_TRUE(files_.WriteFileAtomically(blob, "weighty").ok());
  server_.fetches.clear();
  lease_.set_fence(8);
  runner_.reset();
  NewRunner().Run(lease_, {});
  loop_.RunUntilIdle();
  EXPECT_THAT(server_.fetches, ::testing::ElementsAre(Sha256::Hex("weights")));
  EXPECT_EQ(*files_.ReadFile(JoinPath(launcher_.last().spec().base_model_dir, "model.safetensors")),
            "weights");
}

TEST_F(LeaseRunnerTest, ACheckpointThatTheServerHasLostIsDamaged) {
  v1::FileRef& file = *lease_.add_resume_files();
  file = server_.AddBlob("state.json", "the state of step 40");
  lease_.set_resume_step(40);
  server_.blobs.erase(file.sha256());
  NewRunner().Run(lease_, {});
  loop_.RunUntilIdle();
  EXPECT_TRUE(launcher_.trainers.empty());
  EXPECT_EQ(LastReport().failed().reason(), v1::CHECKPOINT_DAMAGED);
  EXPECT_EQ(LastReport().failed().failure_class(), v1::Failed::INFRA);
  EXPECT_THAT(LastReport().failed().message(), ::testing::HasSubstr("state.json"));
}

TEST_F(LeaseRunnerTest, DamageThatOnlyTheTrainerSawIsTheWorkersOwn) {
  RunToTrainer();
  Say(FailedFrame{"INFRA", "CHECKPOINT_DAMAGED", "state.json has another hash", 3});
  Exit({.code = 1});
  EXPECT_EQ(LastReport().failed().failure_class(), v1::Failed::INFRA);
  EXPECT_EQ(LastReport().failed().reason(), v1::IO_ERROR);
}

TEST_F(LeaseRunnerTest, AMissingBlobFailsTheAttemptAndSaysWhich) {
  server_.blobs.erase(Sha256::Hex("weights"));
  NewRunner().Run(lease_, {});
  loop_.RunUntilIdle();
  EXPECT_EQ(LastReport().failed().failure_class(), v1::Failed::INFRA);
  EXPECT_EQ(LastReport().failed().reason(), v1::IO_ERROR);
}

TEST_F(LeaseRunnerTest, ATrainerThatCannotStartIsReported) {
  launcher_.start_status = absl::NotFoundError("no attune-trainer");
  NewRunner().Run(lease_, {});
  loop_.RunUntilIdle();
  EXPECT_THAT(LastReport().failed().message(), ::testing::HasSubstr("no attune-trainer"));
  EXPECT_TRUE(done_);
}

TEST_F(LeaseRunnerTest, ConcludesAnEarlierAgentsAttemptWithTheCheckpointItLeft) {
  RunToTrainer();
  server_.reachable = false;
  Say(MetricsFrame{.step = 5});
  Say(WriteCheckpoint(5));
  runner_.reset();  // the agent is killed
  server_.reachable = true;
  const RunnerParts parts{agent_, io_, files_, rng_, server_, launcher_, cache_};
  LeaseRunner again(parts, {}, folder_, *EventOutbox::Open(files_, folder_.outbox()),
                    {.may_send = [] { return true; },
                     .on_trainer_dead = [] {},
                     .on_done = [this] { done_ = true; }});
  v1::AttemptReport lost;
  lost.mutable_failed()->set_reason(v1::WORKER_LOST);
  again.Conclude(lost);
  EXPECT_FALSE(again.held().running());
  loop_.RunFor(absl::Minutes(1));
  EXPECT_EQ(server_.Story(kFence), "metrics checkpoint failed");
  EXPECT_TRUE(done_);
}

}  // namespace
}  // namespace attune
