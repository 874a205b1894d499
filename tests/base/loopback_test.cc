// SPDX-License-Identifier: Apache-2.0
#include "base/loopback.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(Loopback, KnowsThisMachinesHosts) {
  for (const char* host : {"127.0.0.1", "127.9.8.7", "localhost", "::1", "[::1]"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* address : {"127.0.0.1:7460", "[::1]:1", "localhost:0", "unix:/run/x"}) {
    EXPECT_TRUE(IsLoopbackAddress(address)) << address;
  }
}

TEST(Loopback, IsNotAMatterOfPrefixes) {
  for (const char* host : {"127.0.0.1.example.org", "127.evil.example", "0.0.0.0", "10.0.0.1", "",
                           "localhost.example.org", "128.0.0.1", "::"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
  EXPECT_FALSE(IsLoopbackAddress("example.org:7460"));
}

}  // namespace
}  // namespace attune
