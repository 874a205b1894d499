// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/loop/export_check.h"

#include <sys/stat.h>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

// The other process is a shell script here.
class Export : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<ExportCheckEntry>> Check(const std::string& script,
                                                      absl::Duration timeout = absl::Seconds(30)) {
    const std::string program = JoinPath(folder_.path(), "program");
    EXPECT_TRUE(
        PosixFileSystem().WriteFileAtomically(program, "#!/bin/sh\n" + script + "\n", 0700).ok());
    return CheckExport(PosixFileSystem(), program, folder_.path(), {{"merged", {"--logits", "x"}}},
                       {{R"({"text":"a"})", {1.5f, -2.0f}}, {R"({"text":"b"})", {0.0f, 3.0f}}},
                       timeout);
  }
  std::string Failure(const std::string& script, absl::Duration timeout = absl::Seconds(30)) {
    const auto entries = Check(script, timeout);
    EXPECT_EQ(entries.status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(ErrorReasonOf(entries.status()), "INTERNAL_FAULT");
    return std::string(entries.status().message());
  }
  TemporaryFolder folder_;
};

TEST_F(Export, IsSoundWhenTheOtherProcessSaysTheSame) {
  const auto entries = Check(
      R"sh([ "$1 $2" = "--logits x" ] && [ "$(wc -l)" = 2 ] &&
      echo '{"logits":[1.5,-2.00005]}' && echo '{"logits":[0,3]}')sh");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 1);
  EXPECT_EQ((*entries)[0].format, "merged");
  EXPECT_EQ((*entries)[0].rows, 2);
  EXPECT_NEAR((*entries)[0].max_difference, 5e-5, 1e-6);
}

TEST_F(Export, FailsOnAnotherOutput) {
  EXPECT_THAT(Failure(R"(echo '{"logits":[1.5,-2.001]}'; echo '{"logits":[0,3]}')"),
              HasSubstr("differ by 0.001"));
}

TEST_F(Export, FailsOnMissingAndMalformedAnswers) {
  EXPECT_THAT(Failure(R"(echo '{"logits":[1.5,-2]}')"), HasSubstr("differ"));
  EXPECT_THAT(Failure(R"(echo '{"logits":[1.5]}'; echo '{"logits":[0,3]}')"), HasSubstr("differ"));
  EXPECT_THAT(Failure(R"(echo '{"logits":[null,-2]}'; echo '{"logits":[0,3]}')"),
              HasSubstr("differ"));
  EXPECT_THAT(Failure("echo what; echo what"), HasSubstr("differ"));
}

TEST_F(Export, FailsWhenTheProcessDoes) { EXPECT_THAT(Failure("exit 7"), HasSubstr("code 7")); }

TEST_F(Export, FailsWhenTheProcessCannotBeStarted) {
  const auto entries =
      CheckExport(PosixFileSystem(), JoinPath(folder_.path(), "none"), folder_.path(),
                  {{"adapter", {}}}, {{"{}", {1.0f}}}, absl::Seconds(30));
  EXPECT_THAT(std::string(entries.status().message()), HasSubstr("(adapter)"));
}

TEST_F(Export, EndsAProcessThatHangs) {
  EXPECT_THAT(Failure("exec sleep 1000", absl::Milliseconds(50)), HasSubstr("signal 9"));
}

TEST_F(Export, LeavesNoFilesBehind) {
  ASSERT_FALSE(Check("exit 1").ok());
  EXPECT_THAT(*PosixFileSystem().List(folder_.path()), ::testing::ElementsAre("program"));
}

}  // namespace
}  // namespace attune
