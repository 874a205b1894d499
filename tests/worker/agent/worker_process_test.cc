// SPDX-License-Identifier: Apache-2.0
// attune-worker as a whole, with fake_trainer and without a server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <future>
#include <map>

#include "base/file_system.h"
#include "base/framed_pipe.h"
#include "base/spawner.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

class WorkerProcessTest : public ::testing::Test {
 protected:
  WorkerProcessTest() {
    EXPECT_TRUE(PosixFileSystem().WriteFileAtomically(dir_.Path("token"), "secret\n").ok());
  }

  struct Running {
    std::unique_ptr<ChildProcess> process;
    std::future<ExitStatus> exit;
    int output = -1;
    std::string said;
    ~Running() {
      if (process) (void)process->Kill(SIGKILL);
      if (output >= 0) close(output);
    }
    // Reads what it says until `text` is in it; false: it ended first.
    bool WaitFor(const std::string& text) {
      std::array<char, 1024> buffer;
      while (said.find(text) == std::string::npos) {
        const ssize_t got = read(output, buffer.data(), buffer.size());
        if (got <= 0) return false;
        said.append(buffer.data(), static_cast<size_t>(got));
      }
      return true;
    }
    int ExitCode() {
      if (exit.wait_for(kPatience) != std::future_status::ready) return -1;
      const ExitStatus status = exit.get();
      return status.signal != 0 ? 128 + status.signal : status.code;
    }
  };

  std::unique_ptr<Running> Start(std::vector<std::string> more = {}) {
    auto running = std::make_unique<Running>();
    const auto ends = *MakeSocketPair();
    running->output = ends.first;
    SpawnOptions options;
    options.argv = {ATTUNE_BIN_DIR "/attune-worker", "--local"};
    const std::map<std::string, std::string> defaults = {
        {"--server", "127.0.0.1:1"},  // nobody listens there
        {"--token-file", dir_.Path("token")},
        {"--work-dir", dir_.Path("work")},
        {"--trainer", ATTUNE_BIN_DIR "/fake_trainer"}};
    for (const auto& [flag, value] : defaults) {
      if (std::find(more.begin(), more.end(), flag) != more.end()) continue;
      options.argv.insert(options.argv.end(), {flag, value});
    }
    options.argv.insert(options.argv.end(), more.begin(), more.end());
    options.descriptors = {{ends.second, 1}, {ends.second, 2}};
    auto exited = std::make_shared<std::promise<ExitStatus>>();  // shared with the spawner
    running->exit = exited->get_future();
    auto child = spawner_->Spawn(options, [exited](ExitStatus s) { exited->set_value(s); });
    close(ends.second);
    EXPECT_TRUE(child.ok()) << child.status();
    running->process = *std::move(child);
    return running;
  }

  TempDir dir_;
  std::unique_ptr<Spawner> spawner_ = MakePosixSpawner();
};

TEST_F(WorkerProcessTest, DialsWithoutEndAndExitsWithZeroOnSigterm) {
  auto worker = Start({"--timer-scale", "0.05"});
  ASSERT_TRUE(worker->WaitFor("dialling again"));
  worker->said.clear();
  ASSERT_TRUE(worker->WaitFor("dialling again"));
  ASSERT_TRUE(worker->process->Kill(SIGTERM).ok());
  EXPECT_EQ(worker->ExitCode(), 0);
}

TEST_F(WorkerProcessTest, ASecondOneOnTheSameFolderExitsWith75) {
  auto first = Start();
  ASSERT_TRUE(first->WaitFor("dialling again"));
  auto second = Start();
  EXPECT_EQ(second->ExitCode(), 75);
}

TEST_F(WorkerProcessTest, AnotherMachinesAddressIsNotDialledInPlaintext) {
  auto refused = Start({"--server", "192.0.2.1:7460"});
  EXPECT_TRUE(refused->WaitFor("not encrypted"));
  EXPECT_EQ(refused->ExitCode(), 78);
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir_.Path("address"), "192.0.2.1:7460\n").ok());
  auto waiting = Start({"--server-file", dir_.Path("address")});
  EXPECT_TRUE(waiting->WaitFor("not encrypted"));
}

TEST_F(WorkerProcessTest, AnOpenTokenFileAndAMissingTrainerExitWith78) {
  auto trainerless = Start({"--trainer", "/nonexistent"});
  EXPECT_TRUE(trainerless->WaitFor("--trainer PATH"));
  EXPECT_EQ(trainerless->ExitCode(), 78);
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir_.Path("token"), "secret\n", 0644).ok());
  auto worker = Start();
  EXPECT_TRUE(worker->WaitFor("chmod 600"));
  EXPECT_EQ(worker->ExitCode(), 78);
}

TEST_F(WorkerProcessTest, PrintsWhatItOffers) {
  auto worker = Start({"--inventory", "--label", "zone=eu"});
  EXPECT_TRUE(worker->WaitFor("\"zone\": \"eu\""));
  EXPECT_EQ(worker->ExitCode(), 0);
  EXPECT_THAT(worker->said, ::testing::HasSubstr("\"torch_version\": \"fake\""));
}

}  // namespace
}  // namespace attune
