// SPDX-License-Identifier: Apache-2.0
// Real processes: the launcher alone, and a LeaseRunner over it.
#include "worker/agent/trainer_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <future>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/executor.h"
#include "tests/fakes/temp_dir.h"
#include "tests/worker/agent/scripted_server.h"
#include "worker/agent/lease_runner.h"

namespace attune {
namespace {

constexpr const char* kFakeTrainer = ATTUNE_BIN_DIR "/fake_trainer";
constexpr auto kPatience = std::chrono::seconds(30);

class SetEnv {
 public:
  SetEnv(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~SetEnv() { unsetenv(name_); }

 private:
  const char* name_;
};

bool IsGone(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

pid_t PidOf(const std::string& identity) {
  pid_t pid = 0;
  EXPECT_TRUE(absl::SimpleAtoi(identity.substr(0, identity.find(' ')), &pid)) << identity;
  return pid;
}

TEST(TrainerEnvironment, SetsThreadsAndWaitPolicyAndKeepsOurTokensBack) {
  std::string path = "PATH=/bin", token = "ATTUNE_TOKEN=secret", omp = "OMP_NUM_THREADS=64",
              ld = "LD_LIBRARY_PATH=/x";
  char* ours[] = {path.data(), token.data(), omp.data(), ld.data(), nullptr};
  const TrainerOptions options{.threads = 2, .alone = true};
  EXPECT_THAT(
      TrainerEnvironment(options, ours),
      ::testing::UnorderedElementsAre("PATH=/bin", "LD_LIBRARY_PATH=/x", "OMP_NUM_THREADS=2",
                                      "MKL_NUM_THREADS=2", "MKL_CBWR=AUTO"));
  EXPECT_THAT(TrainerEnvironment({.alone = false}, ours),
              ::testing::Contains("OMP_WAIT_POLICY=PASSIVE"));
}

class LauncherTest : public ::testing::Test {
 protected:
  SystemClock clock_;
  std::unique_ptr<Spawner> spawner_ = MakePosixSpawner();
  TrainerProcessLauncher launcher_{*spawner_, clock_, kFakeTrainer};
};

TEST_F(LauncherTest, DestroyingTheHandleEndsTheTrainer) {
  std::promise<ExitStatus> exited;
  auto trainer = launcher_.Start({}, {.on_event = [](absl::StatusOr<AttemptEvent>) {},
                                      .on_log = [](std::string) {},
                                      .on_exit = [&](ExitStatus s) { exited.set_value(s); }});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const pid_t pid = PidOf((*trainer)->Identity());
  trainer->reset();
  auto exit = exited.get_future();
  ASSERT_EQ(exit.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(IsGone(pid));
}

TEST_F(LauncherTest, DeliversLogAndFramesBeforeTheExit) {
  std::promise<ExitStatus> exited;
  std::string log;
  auto trainer = launcher_.Start({}, {.on_event = [](absl::StatusOr<AttemptEvent>) {},
                                      .on_log = [&](std::string bytes) { log += bytes; },
                                      .on_exit = [&](ExitStatus s) { exited.set_value(s); }});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  (*trainer)->Send(StopCommand{1, "cancel"});  // not a run command: it complains and exits
  auto exit = exited.get_future();
  ASSERT_EQ(exit.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(exit.get().code, 2);
  EXPECT_THAT(log, ::testing::HasSubstr("not a run command"));
}

TEST_F(LauncherTest, ATrainerRunsOnItsSlotsCoresAndWeOnOurs) {
  cpu_set_t ours, still_ours;
  ASSERT_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
  int core = 0;
  while (!CPU_ISSET(static_cast<size_t>(core), &ours)) ++core;
  auto trainer = launcher_.Start({.cpus = {core}}, {.on_event = [](absl::StatusOr<AttemptEvent>) {},
                                                    .on_log = [](std::string) {},
                                                    .on_exit = [](ExitStatus) {}});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  cpu_set_t theirs;
  ASSERT_EQ(sched_getaffinity(PidOf((*trainer)->Identity()), sizeof(theirs), &theirs), 0);
  EXPECT_EQ(CPU_COUNT(&theirs), 1);
  EXPECT_TRUE(CPU_ISSET(static_cast<size_t>(core), &theirs));
  ASSERT_EQ(sched_getaffinity(0, sizeof(still_ours), &still_ours), 0);
  EXPECT_TRUE(CPU_EQUAL(&ours, &still_ours));
}

TEST_F(LauncherTest, AMissingTrainerIsAnErrorThatNamesTheFlag) {
  TrainerProcessLauncher nowhere(*spawner_, clock_, "/nonexistent/attune-trainer");
  const auto trainer = nowhere.Start({}, {});
  EXPECT_THAT(std::string(trainer.status().message()), ::testing::HasSubstr("--trainer"));
}

// A child that waits for ever, of this test and not of the launcher.
class Leftover {
 public:
  Leftover() {
    pid_ = fork();
    if (pid_ == 0) {
      execl("/bin/sleep", "sleep", "1000", nullptr);
      _exit(127);
    }
  }
  ~Leftover() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool killed() {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }

 private:
  pid_t pid_;
};

TEST_F(LauncherTest, EnsureDeadKillsTheProcessThatAnEarlierAgentNoted) {
  Leftover leftover;
  EXPECT_TRUE(launcher_.EnsureDead(*ProcessIdentity(leftover.pid())).ok());
  EXPECT_TRUE(leftover.killed());
}

TEST_F(LauncherTest, EnsureDeadSparesAnotherProcessThatGotThePid) {
  Leftover leftover;
  std::vector<std::string> parts = absl::StrSplit(*ProcessIdentity(leftover.pid()), ' ');
  const std::string other_start = absl::StrCat(parts[0], " 1 ", parts[2]);
  const std::string other_boot = absl::StrCat(parts[0], " ", parts[1], " another-boot");
  EXPECT_TRUE(launcher_.EnsureDead(other_start).ok());
  EXPECT_TRUE(launcher_.EnsureDead(other_boot).ok());
  EXPECT_TRUE(launcher_.EnsureDead("nonsense").ok());
  EXPECT_FALSE(leftover.killed());
}

// Runs leases with real fake_trainer processes against a scripted server, all on one thread.
class RealTrainerTest : public LauncherTest {
 protected:
  ~RealTrainerTest() override {
    lane_.Shutdown();
    runner_.reset();
  }

  // On the lane; returns when done.
  void Do(absl::AnyInvocable<void()> task) {
    std::promise<void> done;
    lane_.Post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void Start(v1::Lease lease) {
    Do([&] {
      ended_ = std::promise<void>();
      const AttemptFolder folder = AttemptFolder::For(dir_.path(), lease.job(), lease.fence());
      identity_path_ = folder.identity();
      ASSERT_TRUE(PosixFileSystem().MakeDirs(folder.root()).ok());
      v1::HeldAttempt identity;
      identity.set_job(lease.job());
      identity.set_attempt(lease.attempt());
      identity.set_fence(lease.fence());
      const RunnerParts parts{lane_, lane_, PosixFileSystem(), rng_, server_, launcher_, cache_};
      runner_ = std::make_unique<LeaseRunner>(
          parts, RunnerOptions{}, folder,
          *EventOutbox::Create(PosixFileSystem(), folder.outbox(), identity),
          LeaseRunner::Callbacks{.may_send = [] { return true; },
                                 .on_trainer_dead = [] {},
                                 .on_done = [this] { ended_.set_value(); }});
      runner_->Run(std::move(lease), TrainerOptions{.threads = 1});
    });
  }
  bool WaitForEnd() { return ended_.get_future().wait_for(kPatience) == std::future_status::ready; }
  // Until that many reports were applied.
  void WaitForReports(int64_t fence, size_t count) {
    std::promise<void> there;
    Do([&] {
      server_.on_report = [&, told = false]() mutable {
        if (told || server_.reports[fence].size() < count) return;
        told = true;
        there.set_value();
      };
      server_.on_report();
    });
    ASSERT_EQ(there.get_future().wait_for(kPatience), std::future_status::ready);
    Do([&] { server_.on_report = nullptr; });
  }
  v1::Lease NewLease(int64_t fence, int64_t max_steps) {
    v1::Lease lease;
    Do([&] { lease = server_.MakeLease("jobs/reviews", fence); });
    lease.mutable_spec()->mutable_fine_tune()->mutable_hyperparameters()->set_max_steps(max_steps);
    return lease;
  }
  std::string Story(int64_t fence) {
    std::string story;
    Do([&] { story = server_.Story(fence); });
    return story;
  }
  v1::AttemptReport LastReport(int64_t fence) {
    v1::AttemptReport report;
    Do([&] { report = server_.reports[fence].back(); });
    return report;
  }

  TempDir dir_;
  SystemRng rng_;
  ThreadExecutor lane_{"agent", 1, clock_};
  ScriptedServer server_{lane_};
  BlobCache cache_ = [this] {
    BlobCache cache(PosixFileSystem(), dir_.Path("cache"), 1 << 20);
    EXPECT_TRUE(cache.Init().ok());
    return cache;
  }();
  std::promise<void> ended_;
  std::string identity_path_;
  std::unique_ptr<LeaseRunner> runner_;
};

TEST_F(RealTrainerTest, TrainsToAModelAndLeavesNothingBehind) {
  Start(NewLease(1, 3));
  ASSERT_TRUE(WaitForEnd());
  const std::string story = Story(1);
  EXPECT_THAT(story, ::testing::StartsWith("started phase metrics"));
  EXPECT_THAT(story, ::testing::EndsWith("succeeded"));
  EXPECT_THAT(story, ::testing::HasSubstr("checkpoint"));
  EXPECT_THAT(story, ::testing::HasSubstr("log"));
  EXPECT_EQ(LastReport(1).succeeded().files_size(), 2);
  EXPECT_TRUE(PosixFileSystem().List(dir_.Path("attempts"))->empty());
}

TEST_F(RealTrainerTest, AKilledTrainerIsReportedOnlyAfterItIsReaped) {
  const SetEnv slow("FAKE_STEP_MS", "20");
  Start(NewLease(1, 100000));
  WaitForReports(1, 5);
  const pid_t pid = PidOf(*PosixFileSystem().ReadFile(identity_path_));
  bool gone_at_report = false;
  Do([&] {
    server_.on_report = [&] {
      if (server_.reports[1].back().has_failed()) gone_at_report = IsGone(pid);
    };
  });
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(WaitForEnd());
  const v1::AttemptReport last = LastReport(1);
  EXPECT_TRUE(gone_at_report);
  EXPECT_EQ(last.failed().failure_class(), v1::Failed::INFRA);
  EXPECT_EQ(last.failed().reason(), v1::TRAINER_CRASHED);
  EXPECT_EQ(last.failed().exit_code(), 128 + SIGKILL);
  EXPECT_THAT(last.failed().log_tail(), ::testing::HasSubstr("fake trainer"));
}

TEST_F(RealTrainerTest, CrashesExitsAndFailuresKeepTheirClass) {
  struct Case {
    const char* variable;
    v1::Failed::FailureClass failure_class;
    v1::ErrorReason reason;
    int exit_code;
  };
  int64_t fence = 0;
  for (const Case& c :
       {Case{"FAKE_CRASH_AT_STEP", v1::Failed::INFRA, v1::TRAINER_CRASHED, 128 + SIGABRT},
        Case{"FAKE_EXIT_AT_STEP", v1::Failed::INFRA, v1::TRAINER_CRASHED, 3},
        Case{"FAKE_NAN_AT_STEP", v1::Failed::USER, v1::NON_FINITE_LOSS, 1}}) {
    const SetEnv fault(c.variable, "2");
    Start(NewLease(++fence, 5));
    ASSERT_TRUE(WaitForEnd()) << c.variable;
    const v1::Failed failed = LastReport(fence).failed();
    EXPECT_EQ(failed.failure_class(), c.failure_class) << c.variable;
    EXPECT_EQ(failed.reason(), c.reason) << c.variable;
    EXPECT_EQ(failed.exit_code(), c.exit_code) << c.variable;
  }
}

TEST_F(RealTrainerTest, APausedAndResumedJobEndsWithTheBytesOfOneThatNeverStopped) {
  Start(NewLease(1, 12));
  ASSERT_TRUE(WaitForEnd());
  const auto whole = LastReport(1).succeeded();

  std::optional<SetEnv> slow(std::in_place, "FAKE_STEP_MS", "20");
  Start(NewLease(2, 12));
  WaitForReports(2, 5);
  Do([&] { runner_->Stop(v1::STOP_CAUSE_PAUSE); });
  ASSERT_TRUE(WaitForEnd());
  ASSERT_TRUE(LastReport(2).has_stopped());
  slow.reset();

  v1::Lease resumed = NewLease(3, 12);
  Do([&] {
    for (const v1::AttemptReport& report : server_.reports[2]) {
      if (report.has_checkpoint()) *resumed.mutable_resume_files() = report.checkpoint().files();
    }
  });
  const int64_t step = LastReport(2).stopped().step();
  EXPECT_LT(step, 12);
  resumed.set_resume_step(step);
  Start(resumed);
  ASSERT_TRUE(WaitForEnd());
  int64_t start_step = -1;
  Do([&] { start_step = server_.reports[3][0].started().start_step(); });
  EXPECT_EQ(start_step, step);
  ASSERT_EQ(LastReport(3).succeeded().files_size(), whole.files_size());
  EXPECT_EQ(LastReport(3).succeeded().files(0).sha256(), whole.files(0).sha256());
}

TEST_F(RealTrainerTest, ATrainerThatIsDeafToACancelIsKilled) {
  const SetEnv slow("FAKE_STEP_MS", "20"), deaf("FAKE_IGNORE_STOP", "1");
  Start(NewLease(1, 100000));
  WaitForReports(1, 5);
  Do([&] { runner_->Stop(v1::STOP_CAUSE_CANCEL); });
  ASSERT_TRUE(WaitForEnd());
  EXPECT_EQ(LastReport(1).stopped().cause(), v1::STOP_CAUSE_CANCEL);
}

}  // namespace
}  // namespace attune
