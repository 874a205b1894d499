// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/log_pump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/fakes/sim_executor.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

class LogPumpTest : public ::testing::Test {
 protected:
  LogPump NewPump() {
    return LogPump(agent_, PosixFileSystem(), dir_.Path("trainer.log"),
                   [this](v1::AttemptReport report) {
                     if (takes_) chunks_.push_back(report.log());
                     return takes_;
                   },
                   {.max_file_bytes = 1000, .max_chunk_bytes = 100, .tail_bytes = 50});
  }
  std::string Reported() const {
    std::string all;
    for (const v1::LogChunk& chunk : chunks_) {
      EXPECT_EQ(chunk.offset(), static_cast<int64_t>(all.size()));
      all += chunk.data();
    }
    return all;
  }

  TempDir dir_;
  SimLoop loop_;
  SimExecutor& agent_ = loop_.NewExecutor("agent");
  bool takes_ = true;
  std::vector<v1::LogChunk> chunks_;
};

TEST_F(LogPumpTest, SendsAtMostOneChunkASecond) {
  LogPump pump = NewPump();
  pump.Append(std::string(250, 'x'));
  loop_.RunFor(absl::Seconds(1.5));
  EXPECT_EQ(chunks_.size(), 1u);
  loop_.RunFor(absl::Seconds(2));
  EXPECT_EQ(Reported(), std::string(250, 'x'));
}

TEST_F(LogPumpTest, ReportsTheRestAtOnceWhenTheTrainerIsDead) {
  LogPump pump = NewPump();
  pump.Append(std::string(250, 'x'));
  pump.Finish();
  EXPECT_EQ(Reported().size(), 250u);
}

TEST_F(LogPumpTest, GoesOnWhereItWasOnceChunksAreTakenAgain) {
  LogPump pump = NewPump();
  takes_ = false;
  pump.Append("one\n");
  loop_.RunFor(absl::Seconds(5));
  pump.Append("two\n");
  takes_ = true;
  loop_.RunFor(absl::Seconds(5));
  EXPECT_EQ(Reported(), "one\ntwo\n");
}

TEST_F(LogPumpTest, CapsTheFileAndSaysSo) {
  LogPump pump = NewPump();
  for (int i = 0; i < 30; ++i) pump.Append(std::string(99, 'x') + "\n");
  pump.Finish();
  const std::string log = *PosixFileSystem().ReadFile(dir_.Path("trainer.log"));
  EXPECT_LE(log.size(), 1200u);
  EXPECT_THAT(log, ::testing::HasSubstr("log ends here"));
  EXPECT_EQ(Reported(), log);
}

TEST_F(LogPumpTest, KeepsTheLastLinesAsPlainText) {
  LogPump pump = NewPump();
  pump.Append(std::string(100, 'x'));
  pump.Append("\xff\x1b[0mlast\n");
  EXPECT_EQ(pump.Tail().size(), 50u);
  EXPECT_THAT(pump.Tail(), ::testing::EndsWith("??[0mlast\n"));
}

}  // namespace
}  // namespace attune
