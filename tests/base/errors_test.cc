// SPDX-License-Identifier: Apache-2.0
#include "base/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "absl/status/statusor.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MakeError, KeepsReasonAndMetadataAlongTheStatus) {
  const absl::Status status = MakeError(absl::StatusCode::kAborted, "STALE_ATTEMPT",
                                        "the attempt is over", {{"fence", "7"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "the attempt is over");
  EXPECT_EQ(ErrorReasonOf(status), "STALE_ATTEMPT");
  EXPECT_THAT(GetErrorDetail(status).metadata, ElementsAre(Pair("fence", "7")));
}

TEST(InvalidFields, ListsEveryViolationInTheMessageAndTheDetail) {
  const absl::Status status = InvalidFields({{"a.b", "must be > 0, got -1"}, {"c", "is missing"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "a.b: must be > 0, got -1; c: is missing");
  const ErrorDetail detail = GetErrorDetail(status);
  EXPECT_EQ(detail.reason, "INVALID_FIELD");
  ASSERT_EQ(detail.violations.size(), 2u);
  EXPECT_EQ(detail.violations[0].field, "a.b");
  EXPECT_EQ(detail.violations[1].description, "is missing");
}

TEST(ErrorDetail, SurvivesAnyBytesAndKeepsRetryAfter) {
  absl::Status status = absl::UnavailableError("busy");
  ErrorDetail detail;
  detail.reason = "BUSY";
  detail.metadata["quote\"\n"] = std::string("nul\0byte", 8);
  detail.violations.push_back({"not utf-8: \xff", "x"});
  detail.retry_after_seconds = 2.5;
  SetErrorDetail(status, detail);
  const ErrorDetail got = GetErrorDetail(status);
  EXPECT_EQ(got.reason, "BUSY");
  EXPECT_EQ(got.metadata, detail.metadata);
  EXPECT_EQ(got.retry_after_seconds, 2.5);
  ASSERT_EQ(got.violations.size(), 1u);
  EXPECT_EQ(got.violations[0].field, "not utf-8: \xef\xbf\xbd");
}

TEST(ErrorDetail, IsEmptyForAPlainStatus) {
  const ErrorDetail detail = GetErrorDetail(absl::InternalError("x"));
  EXPECT_EQ(detail.reason, "");
  EXPECT_TRUE(detail.metadata.empty());
  EXPECT_EQ(ErrorReasonOf(absl::OkStatus()), "");
}

TEST(ErrnoStatus, MapsWhatCallersDecideOn) {
  const auto code = [](int error) { return ErrnoStatus(error, "open").code(); };
  EXPECT_EQ(code(ENOSPC), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(EDQUOT), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(ENOENT), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(EEXIST), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(EACCES), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(EIO), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "open").message(), "open: No space left on device");
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  ATTUNE_ASSIGN_OR_RETURN(const int half, Half(value));
  ATTUNE_ASSIGN_OR_RETURN(const int quarter, Half(half));
  ATTUNE_RETURN_IF_ERROR(quarter == 0 ? absl::OutOfRangeError("zero") : absl::OkStatus());
  return quarter;
}

TEST(Macros, ReturnTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_TRUE(absl::IsInvalidArgument(Quarter(6).status()));
  EXPECT_TRUE(absl::IsOutOfRange(Quarter(0).status()));
}

}  // namespace
}  // namespace attune
