// SPDX-License-Identifier: Apache-2.0
#include "client/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/fake_server.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Nothing listens there: port 1 is tcpmux.
constexpr char kNobody[] = "127.0.0.1:1";

v1::GetJobRequest Get(const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(name);
  return request;
}

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    v1::Job job;
    job.set_name("jobs/x");
    server_.jobs.Put(job);
  }
  FakeServer server_;
  ClientParts parts_;
};

TEST_F(ConnectionTest, SendsTheTokenAsBearer) {
  Connection connection = parts_.Connect(server_.address(), "t0ken");
  ASSERT_TRUE(connection.Call(&v1::JobService::Stub::CreateJob, {}).ok());
  EXPECT_THAT(server_.jobs.tokens(), Each("Bearer t0ken"));
}

TEST_F(ConnectionTest, RetriesUnavailableWithGrowingWaits) {
  server_.jobs.LoseReplies(3);
  Connection connection = parts_.Connect(server_.address());
  EXPECT_TRUE(connection.Call(&v1::JobService::Stub::GetJob, Get("jobs/x")).ok());
  ASSERT_THAT(parts_.waits.waits, SizeIs(3));
  EXPECT_LT(parts_.waits.waits[0], absl::Milliseconds(250));
  EXPECT_GT(parts_.waits.waits[2], absl::Milliseconds(600));
}

TEST_F(ConnectionTest, RestoresTheServersErrorDetailAndDoesNotRetryIt) {
  Connection connection = parts_.Connect(server_.address());
  const auto job = connection.Call(&v1::JobService::Stub::GetJob, Get("jobs/none"));
  EXPECT_EQ(job.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReasonOf(job.status()), "RESOURCE_NOT_FOUND");
  EXPECT_THAT(parts_.waits.waits, SizeIs(0));
}

TEST_F(ConnectionTest, GivesUpSoonOnAServerThatNeverAnswered) {
  Connection connection = parts_.Connect(kNobody);
  const auto job = connection.Call(&v1::JobService::Stub::GetJob, Get("jobs/x"));
  EXPECT_EQ(ErrorReasonOf(job.status()), ReasonName(ClientReason::kUnreachable));
  EXPECT_THAT(std::string(job.status().message()), HasSubstr(kNobody));
  EXPECT_LE(parts_.waits.Total(), absl::Seconds(3));
}

TEST_F(ConnectionTest, BearsALongerOutageOfAServerThatAnsweredBefore) {
  Connection connection = parts_.Connect(server_.address());
  ASSERT_TRUE(connection.Call(&v1::JobService::Stub::GetJob, Get("jobs/x")).ok());
  server_.jobs.LoseReplies(1000);
  EXPECT_FALSE(connection.Call(&v1::JobService::Stub::GetJob, Get("jobs/x")).ok());
  EXPECT_GT(parts_.waits.Total(), absl::Seconds(30));
  EXPECT_LE(parts_.waits.Total(), absl::Seconds(60));
}

TEST_F(ConnectionTest, StopsRetryingWhenInterrupted) {
  server_.jobs.LoseReplies(1000);
  parts_.waits.Trigger();
  Connection connection = parts_.Connect(server_.address());
  EXPECT_FALSE(connection.Call(&v1::JobService::Stub::GetJob, Get("jobs/x")).ok());
  EXPECT_THAT(parts_.waits.waits, SizeIs(1));
}

}  // namespace
}  // namespace attune
