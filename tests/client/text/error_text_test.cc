// SPDX-License-Identifier: Apache-2.0
#include "client/text/error_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "client/client_errors.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

int CodeOf(absl::StatusCode code, const char* reason) {
  return ExitCodeOf(MakeError(code, reason, "x"));
}

TEST(ExitCodes, FollowTheServersAnswer) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(CodeOf(absl::StatusCode::kInternal, "INTERNAL_FAULT"), 1);
  EXPECT_EQ(CodeOf(absl::StatusCode::kFailedPrecondition, "WRONG_STATE"), 1);
  EXPECT_EQ(CodeOf(absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED"), 4);
  EXPECT_EQ(CodeOf(absl::StatusCode::kPermissionDenied, "ROLE_FORBIDDEN"), 4);
  EXPECT_EQ(CodeOf(absl::StatusCode::kUnavailable, "DRAINING"), 5);
  EXPECT_EQ(CodeOf(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"), 6);
  EXPECT_EQ(CodeOf(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS"), 6);
  EXPECT_EQ(CodeOf(absl::StatusCode::kFailedPrecondition, "INPUT_NOT_READY"), 6);
  EXPECT_EQ(CodeOf(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"), 12);
}

TEST(ExitCodes, FollowWhatTheClientFound) {
  const auto code = [](ClientReason reason) { return ExitCodeOf(ClientError(reason, "x", "y")); };
  EXPECT_EQ(code(ClientReason::kUsage), 2);
  EXPECT_EQ(code(ClientReason::kWaitedTooLong), 3);
  EXPECT_EQ(code(ClientReason::kAuth), 4);
  EXPECT_EQ(code(ClientReason::kUnreachable), 5);
  EXPECT_EQ(code(ClientReason::kLocalInput), 6);
  EXPECT_EQ(code(ClientReason::kOutputExists), 1);
  EXPECT_EQ(code(ClientReason::kOutput), 1);
  EXPECT_EQ(code(ClientReason::kServerFault), 1);
  EXPECT_EQ(code(ClientReason::kInterrupted), 130);
}

TEST(ExitCodes, FollowTheJobsEnd) {
  EXPECT_EQ(ExitCodeOf(v1::Job::SUCCEEDED), 0);
  EXPECT_EQ(ExitCodeOf(v1::Job::FAILED), 10);
  EXPECT_EQ(ExitCodeOf(v1::Job::CANCELLED), 11);
}

TEST(ErrorText, SaysWhatFailedWhyAndWhatToDo) {
  EXPECT_EQ(ErrorText("attune jobs",
                      ClientError(ClientReason::kUnreachable, "no answer", "start attuned"), false),
            "error: attune jobs: no answer\n  try: start attuned\n");
}

TEST(ErrorText, ListsEveryFieldOfARefusedRequest) {
  const absl::Status status = InvalidFields({{"job.spec.a", "must be set"}, {"job.spec.b", "no"}});
  EXPECT_EQ(ErrorText("attune submit", status, false),
            "error: attune submit: the request was refused\n"
            "  job.spec.a: must be set\n"
            "  job.spec.b: no\n");
}

TEST(ErrorText, ShowsTheRawStatusOnlyWhenAsked) {
  const absl::Status status =
      MakeError(absl::StatusCode::kAborted, "UPLOAD_OFFSET", "hole", {{"committed_bytes", "7"}});
  EXPECT_THAT(ErrorText("x", status, false), Not(HasSubstr("UPLOAD_OFFSET")));
  EXPECT_THAT(ErrorText("x", status, true),
              HasSubstr("raw: ABORTED reason=UPLOAD_OFFSET committed_bytes=7"));
}

TEST(ErrorText, DisarmsWhatTheServerSays) {
  EXPECT_THAT(ErrorText("x", absl::NotFoundError("a\x1b]0;b"), false), HasSubstr("a?]0;b"));
}

}  // namespace
}  // namespace attune
