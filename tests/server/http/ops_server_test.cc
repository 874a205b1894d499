// SPDX-License-Identifier: Apache-2.0
#include "server/http/ops_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>

namespace attune {
namespace {

class OpsServerTest : public testing::Test {
 protected:
  std::atomic<bool> ready_ = false;
  std::unique_ptr<OpsServer> server_ =
      OpsServer::Start(
          {"127.0.0.1", 0}, [] { return std::string("m 1\n"); }, [this] { return ready_.load(); })
          .value();
  httplib::Client client_{"127.0.0.1", server_->port()};
};

TEST_F(OpsServerTest, ServesMetricsWithTheirVersion) {
  const auto reply = client_.Get("/metrics");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, "m 1\n");
  EXPECT_EQ(reply->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(OpsServerTest, IsHealthyBeforeItIsReady) {
  EXPECT_EQ(client_.Get("/healthz")->status, 200);
  EXPECT_EQ(client_.Get("/readyz")->status, 503);
  ready_ = true;
  EXPECT_EQ(client_.Get("/readyz")->status, 200);
}

TEST_F(OpsServerTest, RefusesATakenPortByName) {
  const auto second = OpsServer::Start(
      {"127.0.0.1", server_->port()}, [] { return std::string(); }, [] { return true; });
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr(std::to_string(server_->port())));
}

}  // namespace
}  // namespace attune
