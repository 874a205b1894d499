// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace attune {
namespace {

using ::testing::HasSubstr;
using Action = ServerCommand::Action;

class OptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    data_ = testing::TempDir() + "/options";
    mkdir(data_.c_str(), 0700);
  }
  void TearDown() override {
    unsetenv("ATTUNE_OPS_PORT");
    unlink((data_ + "/attune.yaml").c_str());
  }

  ServerCommand Parse(std::vector<std::string> args) {
    args.insert(args.begin(), "attuned");
    args.push_back("--data-dir=" + data_);
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    return ParseServerCommand(static_cast<int>(argv.size()), argv.data());
  }
  void WriteConfig(const std::string& text) { std::ofstream(data_ + "/attune.yaml") << text; }

  std::string data_;
};

TEST_F(OptionsTest, FlagsBeatEnvironmentBeatsFileBeatsDefaults) {
  EXPECT_EQ(Parse({}).options.ops_port, 7462);
  WriteConfig("ops_port: 1\n");
  EXPECT_EQ(Parse({}).options.ops_port, 1);
  setenv("ATTUNE_OPS_PORT", "2", 1);
  EXPECT_EQ(Parse({}).options.ops_port, 2);
  EXPECT_EQ(Parse({"--ops-port", "3"}).options.ops_port, 3);
}

TEST_F(OptionsTest, AnUnknownKeyIsRefusedWithItsLine) {
  WriteConfig("port: 1\nprot: 2\n");
  const ServerCommand command = Parse({});
  EXPECT_EQ(command.action, Action::kExit);
  EXPECT_EQ(command.exit_code, 78);
  EXPECT_THAT(command.text, HasSubstr("attune.yaml:2: unknown option 'prot'"));
}

TEST_F(OptionsTest, AKeyTwiceIsRefused) {
  WriteConfig("port: 1\nport: 2\n");
  EXPECT_EQ(Parse({}).exit_code, 78);
}

TEST_F(OptionsTest, AnUnknownFlagIsAUsageError) {
  const ServerCommand command = Parse({"--epochs=3"});
  EXPECT_EQ(command.action, Action::kExit);
  EXPECT_EQ(command.exit_code, 2);
}

TEST_F(OptionsTest, ATtlBelowTwoHeartbeatsIsRefused) {
  EXPECT_EQ(Parse({"--lease-ttl-seconds=10"}).exit_code, 78);
}

TEST_F(OptionsTest, AnAddressOfTheNetworkIsRefused) {
  EXPECT_EQ(Parse({"--listen=0.0.0.0"}).exit_code, 78);
  EXPECT_EQ(Parse({"--ops-listen=127.0.0.1.example.org"}).exit_code, 78);
}

TEST_F(OptionsTest, PrintConfigCanBeReadBack) {
  const ServerCommand printed = Parse({"--ops-port=9", "--keep-workers", "--print-config"});
  ASSERT_EQ(printed.exit_code, 0) << printed.text;
  WriteConfig(printed.text);
  const ServerCommand command = Parse({});
  ASSERT_EQ(command.action, Action::kServe) << command.text;
  EXPECT_EQ(command.options.ops_port, 9);
  EXPECT_TRUE(command.options.keep_workers);
}

}  // namespace
}  // namespace attune
