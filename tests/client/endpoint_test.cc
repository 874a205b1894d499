// SPDX-License-Identifier: Apache-2.0
#include "client/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class EndpointTest : public ::testing::Test {
 protected:
  EndpointTest() { environment_["ATTUNE_DATA"] = data_.Path("data"); }

  absl::StatusOr<Endpoint> Resolve() {
    const Environment environment = [&](const char* name) { return environment_[name]; };
    return ResolveEndpoint(options_, environment, PosixFileSystem());
  }
  std::string WriteSecret(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = data_.Write(name, text);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  Folder data_;
  EndpointOptions options_;
  std::map<std::string, std::string> environment_;
};

TEST_F(EndpointTest, DefaultsToTheWellKnownPortWithoutAToken) {
  const auto endpoint = Resolve();
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "127.0.0.1:7460");
  EXPECT_EQ(endpoint->token, "");
}

TEST_F(EndpointTest, FindsAddressAndTokenInTheDataFolder) {
  WriteSecret("data/admin.token", "abc\n");
  data_.Write("data/server.address", "127.0.0.1:9999\n");
  const auto endpoint = Resolve();
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "127.0.0.1:9999");
  EXPECT_EQ(endpoint->token, "abc");
}

TEST_F(EndpointTest, PrefersTheFlagToTheEnvironmentToTheDataFolder) {
  WriteSecret("data/admin.token", "from-folder");
  environment_["ATTUNE_SERVER"] = "127.0.0.1:1111";
  environment_["ATTUNE_TOKEN"] = "from-environment";
  EXPECT_EQ(Resolve()->address, "127.0.0.1:1111");
  EXPECT_EQ(Resolve()->token, "from-environment");
  options_.server = "127.0.0.1:2222";
  options_.token_file = WriteSecret("mine", "from-flag");
  EXPECT_EQ(Resolve()->address, "127.0.0.1:2222");
  EXPECT_EQ(Resolve()->token, "from-flag");
}

TEST_F(EndpointTest, RefusesATokenFileThatOthersMayRead) {
  options_.token_file = WriteSecret("mine", "abc", 0644);
  const auto endpoint = Resolve();
  EXPECT_EQ(ErrorReasonOf(endpoint.status()), ReasonName(ClientReason::kAuth));
  EXPECT_THAT(GetErrorDetail(endpoint.status()).metadata["remedy"], HasSubstr("chmod 600"));
}

TEST_F(EndpointTest, RefusesAFileThatHoldsNoToken) {
  options_.token_file = WriteSecret("mine", "two words");
  EXPECT_EQ(ErrorReasonOf(Resolve().status()), ReasonName(ClientReason::kUsage));
  options_.token_file = WriteSecret("mine", "\n");
  EXPECT_EQ(ErrorReasonOf(Resolve().status()), ReasonName(ClientReason::kUsage));
}

TEST_F(EndpointTest, NeverSendsATokenToAnotherMachineInTheClear) {
  WriteSecret("data/admin.token", "abc");
  for (const char* server : {"10.0.0.1:7460", "example.org:7460", "0.0.0.0:7460",
                             "127.evil.org:7460", "localhost.evil.org:7460"}) {
    options_.server = server;
    EXPECT_EQ(ErrorReasonOf(Resolve().status()), ReasonName(ClientReason::kUsage)) << server;
  }
}

}  // namespace
}  // namespace attune
