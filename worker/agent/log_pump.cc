// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/log_pump.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace attune {

LogPump::LogPump(Executor& executor, FileSystem& files, std::string path,
                 std::function<bool(v1::AttemptReport)> report, LogPumpOptions options)
    : lane_(executor),
      files_(files),
      path_(std::move(path)),
      report_(std::move(report)),
      options_(options) {}

void LogPump::Append(const std::string& bytes) {
  tail_ += bytes;
  if (tail_.size() > options_.tail_bytes) tail_.erase(0, tail_.size() - options_.tail_bytes);
  if (capped_) return;
  if (!file_) {
    auto opened = files_.Open(path_, FileSystem::Mode::kTruncate);
    if (opened.ok()) file_ = *std::move(opened);
  }
  std::string piece = bytes;
  capped_ = !file_ || written_ + static_cast<int64_t>(bytes.size()) > options_.max_file_bytes;
  if (capped_) {
    piece = absl::StrCat("\n[log ends here: it reached its limit of ", options_.max_file_bytes,
                         " bytes, or the disk is full]\n");
  }
  if (!file_ || !file_->Append(piece).ok()) {
    capped_ = true;
    return;
  }
  written_ += static_cast<int64_t>(piece.size());
  Schedule();
}

void LogPump::Schedule() {
  if (scheduled_ || reported_ >= written_) return;
  scheduled_ = true;
  lane_.After(options_.interval, [this] {
    scheduled_ = false;
    ReportChunk();
    Schedule();
  });
}

bool LogPump::ReportChunk() {
  const int64_t size = std::min(written_ - reported_, options_.max_chunk_bytes);
  if (size <= 0) return false;
  std::string data(static_cast<size_t>(size), '\0');
  const absl::StatusOr<size_t> got = file_->ReadAt(reported_, data.data(), data.size());
  if (!got.ok() || *got == 0) return false;
  data.resize(*got);
  v1::AttemptReport report;
  report.mutable_log()->set_offset(reported_);
  report.mutable_log()->set_data(std::move(data));
  if (!report_(std::move(report))) return false;
  reported_ += static_cast<int64_t>(*got);
  return true;
}

void LogPump::Finish() {
  while (ReportChunk()) {
  }
}

std::string LogPump::Tail() const {
  std::string text;
  for (char c : tail_) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x80 && (byte >= 0x20 || c == '\n' || c == '\t') ? c : '?';
  }
  return text;
}

}  // namespace attune
