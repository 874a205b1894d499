// SPDX-License-Identifier: Apache-2.0
#include "base/spawner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(30);

class SpawnerTest : public ::testing::Test {
 protected:
  // Output of a shell script goes to the file "out".
  SpawnOptions Shell(const std::string& script) {
    SpawnOptions options;
    options.argv = {"/bin/sh", "-c", script};
    options.environment = {"PATH=/usr/bin:/bin", "OUT=" + dir_.Path("out")};
    return options;
  }

  std::unique_ptr<ChildProcess> Start(const SpawnOptions& options) {
    auto child = spawner_->Spawn(options, [this](ExitStatus status) {
      status_ = status;
      exited_.Notify();
    });
    EXPECT_TRUE(child.ok()) << child.status();
    return child.ok() ? *std::move(child) : nullptr;
  }
  ExitStatus AwaitExit() {
    EXPECT_TRUE(exited_.WaitForNotificationWithTimeout(kPatience));
    return status_;
  }
  ExitStatus RunToEnd(const SpawnOptions& options) {
    Start(options);
    return AwaitExit();
  }
  std::string Output() { return PosixFileSystem().ReadFile(dir_.Path("out")).value_or("(none)"); }

  int OpenForWriting(const std::string& name) {
    return open(dir_.Path(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  }
  std::string Content(const std::string& name) {
    return PosixFileSystem().ReadFile(dir_.Path(name)).value_or("(none)");
  }

  TempDir dir_;
  ExitStatus status_;
  absl::Notification exited_;
  std::unique_ptr<Spawner> spawner_ = MakePosixSpawner();
};

TEST_F(SpawnerTest, ReportsTheExitCodeAndPeakMemory) {
  const ExitStatus status = RunToEnd(Shell("exit 7"));
  EXPECT_EQ(status.code, 7);
  EXPECT_EQ(status.signal, 0);
  EXPECT_GT(status.peak_rss_bytes, 100'000);
}

TEST_F(SpawnerTest, PeakMemoryIsTheChilds) {
  rusage ours{};
  getrusage(RUSAGE_SELF, &ours);
  const int64_t bytes = int64_t{ours.ru_maxrss} * 1024 + (64 << 20);
  // One read of that many bytes into one buffer.
  const ExitStatus status = RunToEnd(
      Shell("exec dd if=/dev/zero of=/dev/null count=1 bs=" + std::to_string(bytes) + " 2>&1"));
  EXPECT_EQ(status.code, 0);
  EXPECT_GE(status.peak_rss_bytes, bytes);
  EXPECT_LT(status.peak_rss_bytes, bytes + (64 << 20));
}

TEST_F(SpawnerTest, GivesTheChildItsArgumentsEnvironmentAndFolderOnly) {
  SpawnOptions options = Shell("echo \"$0 $1|$OUT|$HOME|$(pwd)\" > \"$OUT\"");
  options.argv.insert(options.argv.end(), {"zero", "one two"});
  options.working_dir = "/usr";
  setenv("HOME", "/not-for-children", 1);
  RunToEnd(options);
  EXPECT_EQ(Output(), "zero one two|" + dir_.Path("out") + "||/usr\n");
}

TEST_F(SpawnerTest, KillSendsTheSignalToTheChild) {
  const auto child = Start(Shell("exec sleep 1000"));
  ASSERT_NE(child, nullptr);
  EXPECT_GT(child->pid(), 0);
  EXPECT_TRUE(child->Kill(SIGKILL).ok());
  EXPECT_EQ(AwaitExit().signal, SIGKILL);
  EXPECT_TRUE(absl::IsNotFound(child->Kill(SIGKILL)));
}

TEST_F(SpawnerTest, ForgettingTheChildLosesNoExit) {
  Start(Shell("exit 3")).reset();
  EXPECT_EQ(AwaitExit().code, 3);
}

TEST_F(SpawnerTest, StandardInputAndOutputAreNullUnlessNamed) {
  const int err = OpenForWriting("err");
  SpawnOptions options =
      Shell("links=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo \"$links\" >&2");
  options.descriptors = {{err, 2}};
  RunToEnd(options);
  EXPECT_EQ(Content("err"), "/dev/null\n/dev/null\n");
  close(err);
}

TEST_F(SpawnerTest, SwapsDescriptorsWhoseNumbersOverlap) {
  const int a = OpenForWriting("a"), b = OpenForWriting("b");
  SpawnOptions options =
      Shell("echo to-b >&" + std::to_string(a) + "; echo to-a >&" + std::to_string(b));
  options.descriptors = {{a, b}, {b, a}};
  EXPECT_EQ(RunToEnd(options).code, 0);
  EXPECT_EQ(Content("a"), "to-a\n");
  EXPECT_EQ(Content("b"), "to-b\n");
  close(a);
  close(b);
}

TEST_F(SpawnerTest, ADescriptorMappedOntoItselfStaysOpen) {
  const int a = OpenForWriting("a");
  SpawnOptions options = Shell("echo here >&" + std::to_string(a));
  options.descriptors = {{a, a}};
  EXPECT_EQ(RunToEnd(options).code, 0);
  EXPECT_EQ(Content("a"), "here\n");
  EXPECT_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);  // ours is as it was
  close(a);
}

TEST_F(SpawnerTest, InheritsNoDescriptorThatWasNotNamed) {
  const int leaked = open("/dev/zero", O_RDONLY);  // without O_CLOEXEC, as some libraries do
  const int out = OpenForWriting("out"), named = OpenForWriting("named");
  SpawnOptions options;
  options.argv = {"/bin/ls", "/proc/self/fd"};
  options.descriptors = {{out, 1}, {named, 9}};
  RunToEnd(options);
  EXPECT_EQ(Output(), "0\n1\n2\n3\n9\n");  // 3: the folder that ls reads
  for (const int fd : {leaked, out, named}) close(fd);
}

TEST_F(SpawnerTest, StartsWithNoSignalBlockedOrIgnored) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old = std::signal(SIGPIPE, SIG_IGN);
  RunToEnd(Shell("awk '/SigBlk/ {print $2} /SigIgn/ {print $2}' /proc/self/status > \"$OUT\""));
  std::signal(SIGPIPE, old);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  unsigned long long child_blocked = 1, child_ignored = 1;
  ASSERT_EQ(std::sscanf(Output().c_str(), "%llx %llx", &child_blocked, &child_ignored), 2);
  constexpr unsigned long long kReservedByGlibc = 0x180000000;  // signals 32 and 33
  EXPECT_EQ(child_blocked, 0u);
  EXPECT_EQ(child_ignored & ~kReservedByGlibc, 0u);
}

TEST_F(SpawnerTest, ANewSessionIsTheChildsOwn) {
  SpawnOptions options = Shell("cut -d' ' -f6 /proc/$$/stat > \"$OUT\"");
  options.new_session = true;
  const auto child = Start(options);
  AwaitExit();
  EXPECT_EQ(Output(), std::to_string(child->pid()) + "\n");
}

TEST_F(SpawnerTest, SaysThatAProgramIsMissing) {
  SpawnOptions options;
  options.argv = {"/nowhere/attune-trainer"};
  const auto child = spawner_->Spawn(options, [](ExitStatus) { ADD_FAILURE(); });
  EXPECT_TRUE(absl::IsNotFound(child.status()));
  EXPECT_EQ(child.status().message(), "starting 'attune-trainer': No such file or directory");
}

TEST_F(SpawnerTest, RefusesWhatItCannotMean) {
  const auto status_of = [&](const SpawnOptions& options) {
    return spawner_->Spawn(options, [](ExitStatus) { ADD_FAILURE(); }).status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(status_of({})));
  SpawnOptions twice = Shell("true");
  twice.descriptors = {{1, 5}, {2, 5}};
  EXPECT_TRUE(absl::IsInvalidArgument(status_of(twice)));
  SpawnOptions closed = Shell("true");
  closed.descriptors = {{-1, 5}};
  EXPECT_THAT(status_of(closed).ToString(), HasSubstr("descriptor -1"));
}

TEST_F(SpawnerTest, WatchesManyChildrenAndLetsACallbackStartAnother) {
  constexpr int kChildren = 20;
  absl::BlockingCounter left(2 * kChildren);
  for (int i = 0; i < kChildren; ++i) {
    const auto child = spawner_->Spawn(Shell("exit 0"), [&](ExitStatus) {
      const auto next =
          spawner_->Spawn(Shell("exit 0"), [&](ExitStatus) { left.DecrementCount(); });
      EXPECT_TRUE(next.ok()) << next.status();
      left.DecrementCount();
    });
    ASSERT_TRUE(child.ok()) << child.status();
  }
  left.Wait();
}

TEST_F(SpawnerTest, TheDestructorForgetsARunningChild) {
  auto child = spawner_->Spawn(Shell("exec sleep 1000"), [](ExitStatus) { ADD_FAILURE(); });
  ASSERT_TRUE(child.ok());
  spawner_.reset();
  EXPECT_TRUE((*child)->Kill(SIGKILL).ok());
}

}  // namespace
}  // namespace attune
