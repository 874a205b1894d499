// SPDX-License-Identifier: Apache-2.0
// The trainer's stderr: into a capped file at once, and in pieces to the server, at most one a
// second. Nothing waits in memory but the last lines. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "attune/v1/attempt.pb.h"
#include "base/file_system.h"
#include "worker/agent/serial_lane.h"

namespace attune {

struct LogPumpOptions {
  int64_t max_file_bytes = 16 << 20;
  int64_t max_chunk_bytes = 32 << 10;
  absl::Duration interval = absl::Seconds(1);
  size_t tail_bytes = 4 << 10;
};

class LogPump {
 public:
  // `report` takes a chunk, or answers false: not now.
  LogPump(Executor& executor, FileSystem& files, std::string path,
          std::function<bool(v1::AttemptReport)> report, LogPumpOptions options = {});

  void Append(const std::string& bytes);
  // Everything that is left, now: the trainer is dead.
  void Finish();
  // The last lines, valid UTF-8, for a Failed report.
  std::string Tail() const;

 private:
  bool ReportChunk();
  void Schedule();

  SerialLane lane_;
  FileSystem& files_;
  const std::string path_;
  std::function<bool(v1::AttemptReport)> report_;
  const LogPumpOptions options_;
  std::unique_ptr<File> file_;
  int64_t written_ = 0;
  int64_t reported_ = 0;
  bool capped_ = false;
  bool scheduled_ = false;
  std::string tail_;
};

}  // namespace attune
