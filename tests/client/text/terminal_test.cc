// SPDX-License-Identifier: Apache-2.0
#include "client/text/terminal.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <map>
#include <string>

namespace attune {
namespace {

class TerminalTest : public ::testing::Test {
 protected:
  TerminalTest() {
    winsize size{};
    size.ws_col = 133;
    size.ws_row = 40;
    EXPECT_EQ(openpty(&leader_, &terminal_, nullptr, nullptr, &size), 0);
  }
  ~TerminalTest() override {
    close(leader_);
    close(terminal_);
  }
  Terminal Detect(int fd) {
    return DetectTerminal(fd, [this](const char* name) { return environment_[name]; });
  }

  int leader_ = -1;
  int terminal_ = -1;
  std::map<std::string, std::string> environment_ = {{"TERM", "xterm"}};
};

TEST_F(TerminalTest, IsLiveAndColouredOnATerminal) {
  const Terminal terminal = Detect(terminal_);
  EXPECT_TRUE(terminal.live);
  EXPECT_TRUE(terminal.colour);
  EXPECT_EQ(terminal.columns, 133);
}

TEST_F(TerminalTest, HonoursColumnsNoColorAndDumb) {
  environment_["COLUMNS"] = "50";
  environment_["NO_COLOR"] = "1";
  EXPECT_EQ(Detect(terminal_).columns, 50);
  EXPECT_TRUE(Detect(terminal_).live);
  EXPECT_FALSE(Detect(terminal_).colour);
  environment_["COLUMNS"] = "-3";
  EXPECT_EQ(Detect(terminal_).columns, 133);
  environment_["TERM"] = "dumb";
  EXPECT_FALSE(Detect(terminal_).live);
}

TEST_F(TerminalTest, IsNeitherInAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(Detect(ends[1]).live);
  EXPECT_FALSE(Detect(ends[1]).colour);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace attune
