// SPDX-License-Identifier: Apache-2.0
#include "client/cli/sigint.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(InterruptOnSigint, EndsAWaitOnCtrlC) {
  Interruption interruption;
  InterruptOnSigint on_sigint(interruption);
  raise(SIGINT);
  EXPECT_FALSE(interruption.WaitFor(absl::Minutes(1)));
}

TEST(InterruptOnSigint, GivesTheSignalBackWhenItEnds) {
  struct sigaction before {};
  struct sigaction after {};
  sigaction(SIGINT, nullptr, &before);
  Interruption interruption;
  { InterruptOnSigint on_sigint(interruption); }
  sigaction(SIGINT, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  EXPECT_FALSE(interruption.triggered());
}

TEST(InterruptOnSigintDeathTest, EndsTheProcessOnASecondCtrlC) {
  EXPECT_EXIT(
      {
        Interruption interruption;
        InterruptOnSigint on_sigint(interruption);
        raise(SIGINT);
        raise(SIGINT);
      },
      ::testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace attune
