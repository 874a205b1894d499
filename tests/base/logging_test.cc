// SPDX-License-Identifier: Apache-2.0
#include "base/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nlohmann/json.hpp"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class LoggingTest : public ::testing::Test {
 protected:
  LoggingTest() { options_.file = dir_.Path("test.log"); }
  ~LoggingTest() override { EXPECT_TRUE(InitLogging("attune", {}).ok()); }

  void Start() { ASSERT_TRUE(InitLogging("server", options_).ok()); }
  std::string Written() { return PosixFileSystem().ReadFile(options_.file).value_or(""); }

  TempDir dir_;
  LogOptions options_;
};

TEST_F(LoggingTest, WritesTimeLevelComponentMessageAndFields) {
  Start();
  LogInfo("job granted", {{"job", "jobs/x"}, {"step", Str(42)}});
  EXPECT_THAT(Written(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "INFO  server job granted job=jobs/x step=42\n"));
}

TEST_F(LoggingTest, QuotesValuesThatCouldBeMisread) {
  Start();
  LogError("x", {{"a", ""}, {"b", "two words"}, {"c", "say \"hi\"\n"}, {"d", "k=v"}, {"e", "é"}});
  EXPECT_THAT(Written(), HasSubstr("ERROR server x a=\"\" b=\"two words\" c=\"say \\\"hi\\\"\\n\" "
                                   "d=\"k=v\" e=é\n"));
}

TEST_F(LoggingTest, AMessageCannotForgeALineOrATerminalCommand) {
  Start();
  LogInfo("first\nsecond \x1b[31m {} %v");
  EXPECT_THAT(Written(), HasSubstr("server first\\nsecond \\033[31m {} %v\n"));
}

TEST_F(LoggingTest, LeavesOutWhatIsBelowTheLevel) {
  options_.level = LogLevel::kWarning;
  Start();
  Log(LogLevel::kDebug, "debugging");
  LogInfo("informing");
  LogWarning("warning");
  EXPECT_THAT(Written(), MatchesRegex("[^\n]*WARN  server warning\n"));
}

TEST_F(LoggingTest, JsonLinesHoldTheSameAndAnyBytes) {
  options_.json = true;
  Start();
  LogWarning("odd \"bytes\"\n", {{"path", "\xff"}, {"message", "cannot replace the message"}});
  const std::string line = Written();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(json.is_object()) << line;
  EXPECT_EQ(json["level"], "warn");
  EXPECT_EQ(json["component"], "server");
  EXPECT_EQ(json["message"], "odd \"bytes\"\n");
  EXPECT_EQ(json["path"], "\xef\xbf\xbd");
}

TEST_F(LoggingTest, RotatesAndKeepsTheNewestFiles) {
  options_.rotate_bytes = 1000;
  options_.keep_files = 2;
  Start();
  for (int i = 0; i < 100; ++i) LogInfo("a line of some length", {{"line", Str(i)}});
  EXPECT_THAT(*PosixFileSystem().List(dir_.path()),
              ::testing::ElementsAre("test.1.log", "test.2.log", "test.log"));
  EXPECT_THAT(Written(), HasSubstr("line=99"));
  EXPECT_LE(*PosixFileSystem().FileSize(options_.file), 1000);
}

TEST_F(LoggingTest, SaysThatAFileCannotBeOpened) {
  options_.file = dir_.path();  // a folder
  EXPECT_TRUE(absl::IsInvalidArgument(InitLogging("server", options_)));
}

}  // namespace
}  // namespace attune
