// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

class OptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<WorkerOptions> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "attune-worker");
    return ParseWorkerOptions(static_cast<int>(arguments.size()), arguments.data(), early_);
  }
  EarlyExit early_;
};

TEST_F(OptionsTest, ReadsTheLocalWorkersCommandLine) {
  const auto options =
      Parse({"--local", "--server", "127.0.0.1:7460", "--token-file", "/d/token", "--work-dir",
             "/d/workers/local", "--slots", "2", "--label", "a=b=c"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->local);
  EXPECT_EQ(options->id, "local");
  EXPECT_EQ(options->slots, 2);
  EXPECT_EQ(options->labels.at("a"), "b=c");
  EXPECT_THAT(options->trainer, ::testing::EndsWith("/attune-trainer"));
}

TEST_F(OptionsTest, FlagsWinOverTheEnvironment) {
  setenv("ATTUNE_SERVER", "127.0.0.1:1", 1);
  EXPECT_EQ(Parse({"--token-file", "t"})->server, "127.0.0.1:1");
  EXPECT_EQ(Parse({"--token-file", "t", "--server", "127.0.0.1:2"})->server, "127.0.0.1:2");
  unsetenv("ATTUNE_SERVER");
}

TEST_F(OptionsTest, MistakesExitWith78AndSayWhatIsWrong) {
  struct Case {
    std::vector<const char*> arguments;
    const char* said;
  };
  for (const Case& c : {Case{{}, "--token-file"}, Case{{"--nonsense"}, "nonsense"},
                        Case{{"--token-file", "t", "--slots", "x"}, "slots"},
                        Case{{"--token-file", "t", "--label", "x"}, "key=value"},
                        Case{{"--token-file", "t", "--id", "No Good"}, "--id"},
                        Case{{"--token-file", "t", "--log-format", "xml"}, "log-format"}}) {
    EXPECT_FALSE(Parse(c.arguments).ok());
    EXPECT_EQ(early_.code, 78);
    EXPECT_THAT(early_.text, ::testing::HasSubstr(c.said));
  }
}

TEST_F(OptionsTest, HelpAndVersionExitWithZero) {
  EXPECT_FALSE(Parse({"--version"}).ok());
  EXPECT_EQ(early_.code, 0);
  EXPECT_THAT(early_.text, ::testing::HasSubstr("attune-worker 0."));
  EXPECT_FALSE(Parse({"--help"}).ok());
  EXPECT_EQ(early_.code, 0);
  EXPECT_THAT(early_.text, ::testing::HasSubstr("--token-file"));
}

TEST(ReadTokenFile, RefusesAFileThatOthersCanReadAndNamesTheRemedy) {
  TempDir dir;
  const std::string path = dir.Path("token");
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, "secret\n", 0644).ok());
  const auto refused = ReadTokenFile(path);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.status().message()), ::testing::HasSubstr("chmod 600"));
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, "secret\n", 0600).ok());
  EXPECT_EQ(*ReadTokenFile(path), "secret");
}

TEST(ReadTokenFile, RefusesNothingAndNowhere) {
  TempDir dir;
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir.Path("empty"), "\n").ok());
  EXPECT_FALSE(ReadTokenFile(dir.Path("empty")).ok());
  EXPECT_EQ(ReadTokenFile(dir.Path("none")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace attune
