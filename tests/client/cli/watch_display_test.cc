// SPDX-License-Identifier: Apache-2.0
#include "client/cli/watch_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/fakes/fake_clock.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::StepMetrics Step(int64_t step, int64_t attempt = 1) {
  v1::StepMetrics metrics;
  metrics.set_step(step);
  metrics.set_loss(0.5);
  metrics.set_attempt(attempt);
  return metrics;
}

v1::JobEvent Checkpoint(int64_t step) {
  v1::JobEvent event;
  event.mutable_checkpoint()->set_step(step);
  return event;
}

class WatchDisplayTest : public ::testing::Test {
 protected:
  WatchDisplay Show(const Terminal& terminal, OutputFormat format = OutputFormat::kTable) {
    return WatchDisplay(out_, err_, {format, terminal}, clock_, [this] {
      ++reads_;
      v1::Job job;
      job.mutable_progress()->set_total_steps(10);
      return job;
    });
  }
  std::ostringstream out_, err_;
  FakeClock clock_;
  int reads_ = 0;
};

TEST_F(WatchDisplayTest, PrintsAWholeLineEveryFewSecondsWithoutATerminal) {
  WatchDisplay display = Show({});
  for (int64_t step = 1; step <= 9; ++step) {
    display.OnMetrics(Step(step));
    clock_.Advance(absl::Seconds(2));
  }
  display.OnEvent(Checkpoint(9));
  const std::string rest = "  epoch 0.00  loss 0.500  lr 0  0.0 tok/s  ETA 0:00\n";
  EXPECT_EQ(out_.str(), " step 1/10" + rest + " step 4/10" + rest + " step 7/10" + rest +
                            " checkpoint at step 9, written in 0.0s\n");
}

TEST_F(WatchDisplayTest, RedrawsOneLineOnATerminalAndClearsItForEvents) {
  WatchDisplay display = Show({.live = true, .colour = false, .columns = 40});
  display.OnMetrics(Step(1));
  display.OnMetrics(Step(2));
  display.OnEvent(Checkpoint(2));
  display.ClearLiveLine();
  EXPECT_EQ(out_.str(),
            "\r step 1/10  loss 0.500  ETA 0:00\x1b[K\r step 2/10  loss 0.500  ETA 0:00\x1b[K"
            "\r\x1b[K checkpoint at step 2, written in 0.0s\n");
}

TEST_F(WatchDisplayTest, AsksForTotalsOnceAnAttempt) {
  WatchDisplay display = Show({});
  display.OnMetrics(Step(1));
  display.OnMetrics(Step(2));
  EXPECT_EQ(reads_, 1);
  display.OnMetrics(Step(1, 2));
  display.OnMetrics(Step(2, 2));
  EXPECT_EQ(reads_, 2);
}

TEST_F(WatchDisplayTest, PrintsJsonLinesForPrograms) {
  WatchDisplay display = Show({}, OutputFormat::kJsonLines);
  display.OnMetrics(Step(1));
  display.OnEvent(Checkpoint(9));
  EXPECT_EQ(out_.str(), R"({"metrics":{"step":"1","loss":0.5,"attempt":"1"}})"
                        "\n"
                        R"({"event":{"checkpoint":{"step":"9"}}})"
                        "\n");
}

TEST_F(WatchDisplayTest, TellsOutagesOnTheOtherStream) {
  WatchDisplay display = Show({});
  display.OnDisconnected(absl::UnavailableError("cut"));
  EXPECT_EQ(out_.str(), "");
  EXPECT_THAT(err_.str(), HasSubstr("connection lost, trying again: cut"));
  EXPECT_THAT(err_.str(), Not(HasSubstr("\r")));
}

}  // namespace
}  // namespace attune
