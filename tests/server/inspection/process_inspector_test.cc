// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "base/executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/inspection/inspection.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

using testing::HasSubstr;

class ProcessInspectorTest : public testing::Test {
 protected:
  ~ProcessInspectorTest() override { executor_.Shutdown(); }

  // The answer of an inspector that is this shell script.
  absl::StatusOr<std::string> Run(const std::string& script, const std::string& request = "{}",
                                  absl::Duration limit = absl::Minutes(2)) {
    const std::string path = dir_.Path("inspect");
    EXPECT_EQ(PosixFileSystem().WriteFileAtomically(path, "#!/bin/sh\n" + script, 0700),
              absl::OkStatus());
    inspector_ = MakeProcessInspector(path, *spawner_, executor_, dir_.Path("work"), limit);
    absl::StatusOr<std::string> result = absl::UnknownError("no answer");
    absl::Notification answered;
    inspector_->Run(request, [&](absl::StatusOr<std::string> report) {
      result = std::move(report);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }

  TempDir dir_;
  SystemClock clock_;
  ThreadExecutor executor_{"inspection", 1, clock_};
  std::unique_ptr<Spawner> spawner_ = MakePosixSpawner();
  std::unique_ptr<Inspector> inspector_;
};

TEST_F(ProcessInspectorTest, GivesTheRequestAndTakesTheReport) {
  const std::string request(300 << 10, 'r');
  const auto report = Run("cat; printf ' and %s' \"$1\"", request);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(*report, request + " and run");
}

TEST_F(ProcessInspectorTest, RunsNicedInItsFolderWithAnEmptyEnvironment) {
  setenv("ATTUNE_SECRET", "x", 1);
  // The priority is lowered just after the start, so the child waits for it.
  const auto report =
      Run("while [ \"$(nice)\" != 10 ]; do :; done; nice; pwd; echo \"secret=$ATTUNE_SECRET\"");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(*report, "10\n" + dir_.Path("work") + "\nsecret=\n");
}

TEST_F(ProcessInspectorTest, ACrashIsAnError) {
  EXPECT_THAT(Run("kill -9 $$").status().message(), HasSubstr("signal 9"));
}

TEST_F(ProcessInspectorTest, AnExitCodeIsAnErrorEvenWithAReport) {
  EXPECT_THAT(Run("echo '{}'; exit 3").status().message(), HasSubstr("exit code 3"));
}

TEST_F(ProcessInspectorTest, ABinaryThatIsNotThereIsAnError) {
  absl::StatusOr<std::string> result = absl::UnknownError("no answer");
  absl::Notification answered;
  inspector_ = MakeProcessInspector(dir_.Path("none"), *spawner_, executor_, dir_.Path("work"));
  inspector_->Run("{}", [&](absl::StatusOr<std::string> report) {
    result = std::move(report);
    answered.Notify();
  });
  answered.WaitForNotification();
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(absl::IsUnknown(result.status()));
}

TEST_F(ProcessInspectorTest, KillsOneThatTakesTooLong) {
  const auto report = Run("exec sleep 1000", "{}", absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status())) << report.status();
}

TEST_F(ProcessInspectorTest, KillsOneThatSaysTooMuch) {
  const auto report = Run("exec cat /dev/zero");
  EXPECT_TRUE(absl::IsResourceExhausted(report.status())) << report.status();
}

// What the address sanitizer found when a server stopped in the middle of a check.
TEST_F(ProcessInspectorTest, AChildThatEndsAfterItsInspectorHarmsNobody) {
  const std::string path = dir_.Path("inspect"), started = dir_.Path("work/started");
  ASSERT_EQ(PosixFileSystem().WriteFileAtomically(
                path, "#!/bin/sh\n: > started; exec tail -f /dev/null", 0700),
            absl::OkStatus());
  inspector_ =
      MakeProcessInspector(path, *spawner_, executor_, dir_.Path("work"), absl::Minutes(2));
  inspector_->Run("{}", [](const absl::StatusOr<std::string>&) { FAIL() << "nobody waits"; });
  while (!PosixFileSystem().Exists(started)) std::this_thread::yield();
  executor_.Shutdown();
  inspector_.reset();  // kills it
  // The watcher tells of ends in the order in which they come.
  absl::Notification told;
  SpawnOptions next;
  next.argv = {"/bin/sh", "-c", ":"};
  const auto child = spawner_->Spawn(next, [&](ExitStatus) { told.Notify(); });
  ASSERT_TRUE(child.ok()) << child.status();
  told.WaitForNotification();
}

}  // namespace
}  // namespace attune
