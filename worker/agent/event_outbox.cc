// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/event_outbox.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kHeaderBytes = 8, kBodyBytes = 9;
constexpr uint32_t kMaxRecordBytes = 8 << 20;
constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0);
    table[i] = value;
  }
  return table;
}

uint32_t Crc32(std::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = 0xffffffffu;
  for (char c : data) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

void PutNumber(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t GetNumber(std::string_view in, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(in[i]);
  return value;
}

std::string EncodeRecord(char kind, int64_t index, std::string_view payload) {
  std::string body(1, kind);
  PutNumber(body, static_cast<uint64_t>(index), 8);
  body.append(payload);
  std::string record;
  PutNumber(record, body.size(), 4);
  PutNumber(record, Crc32(body), 4);
  return record + body;
}

bool IsFinal(const v1::AttemptReport& report) {
  return report.has_succeeded() || report.has_failed() || report.has_stopped();
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventOutbox>> EventOutbox::Create(FileSystem& files,
                                                                 std::string path,
                                                                 const v1::HeldAttempt& identity,
                                                                 OutboxOptions options) {
  std::unique_ptr<EventOutbox> outbox(new EventOutbox(files, std::move(path), options));
  outbox->identity_ = identity;
  ATTUNE_RETURN_IF_ERROR(outbox->Rewrite());
  return outbox;
}

absl::StatusOr<std::unique_ptr<EventOutbox>> EventOutbox::Open(FileSystem& files, std::string path,
                                                               OutboxOptions options) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string bytes, files.ReadFile(path, kMaxFileBytes));
  std::unique_ptr<EventOutbox> outbox(new EventOutbox(files, std::move(path), options));
  bool has_identity = false;
  const size_t whole = outbox->Replay(bytes, has_identity);
  if (!has_identity) return absl::DataLossError("the outbox does not say whose reports it holds");
  outbox->in_file_ = outbox->end_index();
  outbox->file_bytes_ = static_cast<int64_t>(whole);
  // Nothing may be appended behind a torn tail: the next Open would not see it.
  outbox->damaged_ = whole != bytes.size();
  return outbox;
}

size_t EventOutbox::Replay(const std::string& bytes, bool& has_identity) {
  std::string_view rest = bytes;
  while (rest.size() >= kHeaderBytes) {
    const uint64_t length = GetNumber(rest, 4);
    if (length < kBodyBytes || length > kMaxRecordBytes || length > rest.size() - kHeaderBytes)
      break;
    const std::string_view body = rest.substr(kHeaderBytes, length);
    if (Crc32(body) != GetNumber(rest.substr(4), 4)) break;
    const char kind = body[0];
    if ((kind == 'H') == has_identity) break;  // first, and only first
    const auto index = static_cast<int64_t>(GetNumber(body.substr(1), 8));
    if (!Apply(kind, index, std::string(body.substr(kBodyBytes)))) break;
    has_identity = true;
    rest.remove_prefix(kHeaderBytes + length);
  }
  return bytes.size() - rest.size();
}

bool EventOutbox::Apply(char kind, int64_t index, std::string payload) {
  if (kind == 'H') return identity_.ParseFromString(payload);
  if (kind == 'A') {
    while (!reports_.empty() && first_index_ < index) {
      live_bytes_ -= static_cast<int64_t>(reports_.front().payload.size());
      reports_.pop_front();
      ++first_index_;
    }
    first_index_ = std::max(first_index_, index);
    return true;
  }
  v1::AttemptReport report;
  if (kind != 'R' || index != end_index() || !report.ParseFromString(payload)) return false;
  has_final_ = has_final_ || IsFinal(report);
  live_bytes_ += static_cast<int64_t>(payload.size());
  reports_.push_back({std::move(payload), !report.has_metrics()});
  return true;
}

void EventOutbox::Push(const v1::AttemptReport& report) {
  std::string payload = report.SerializeAsString();
  has_final_ = has_final_ || IsFinal(report);
  live_bytes_ += static_cast<int64_t>(payload.size());
  reports_.push_back({std::move(payload), !report.has_metrics()});
}

absl::Status EventOutbox::Append(v1::AttemptReport report) {
  if (report.has_metrics() && crowded()) {
    held_metrics_ = std::move(report);
    return absl::OkStatus();
  }
  if (held_metrics_) Push(*std::exchange(held_metrics_, std::nullopt));
  Push(report);
  return Flush();
}

absl::Status EventOutbox::Flush() {
  if (flushed()) return absl::OkStatus();
  if (damaged_) return Rewrite();
  std::string bytes;
  bool sync = false;
  for (int64_t i = in_file_; i < end_index(); ++i) {
    const Report& report = reports_[static_cast<size_t>(i - first_index_)];
    bytes += EncodeRecord('R', i, report.payload);
    sync = sync || report.durable;
  }
  ATTUNE_RETURN_IF_ERROR(AppendToFile(bytes, sync));
  in_file_ = end_index();
  if (sync) synced_ = in_file_;
  return absl::OkStatus();
}

absl::Status EventOutbox::Sync() {
  if (synced_ >= in_file_) return absl::OkStatus();
  if (damaged_) return Rewrite();
  ATTUNE_RETURN_IF_ERROR(AppendToFile("", true));
  synced_ = in_file_;
  return absl::OkStatus();
}

absl::Status EventOutbox::AppendToFile(const std::string& bytes, bool sync) {
  absl::Status status;
  if (!file_) {
    auto opened = files_.Open(path_, FileSystem::Mode::kAppend);
    if (!opened.ok()) return opened.status();
    file_ = *std::move(opened);
  }
  status = file_->Append(bytes);
  if (status.ok() && sync) status = file_->Sync();
  if (status.ok()) {
    file_bytes_ += static_cast<int64_t>(bytes.size());
  } else {
    damaged_ = true;
  }
  return status;
}

absl::Status EventOutbox::Rewrite() {
  std::string bytes = EncodeRecord('H', 0, identity_.SerializeAsString());
  if (first_index_ > 0) bytes += EncodeRecord('A', first_index_, "");
  for (size_t i = 0; i < reports_.size(); ++i) {
    bytes += EncodeRecord('R', first_index_ + static_cast<int64_t>(i), reports_[i].payload);
  }
  ATTUNE_RETURN_IF_ERROR(files_.WriteFileAtomically(path_, bytes));
  file_.reset();  // it is the file that was replaced
  file_bytes_ = static_cast<int64_t>(bytes.size());
  in_file_ = synced_ = end_index();
  damaged_ = false;
  return absl::OkStatus();
}

std::vector<v1::AttemptReport> EventOutbox::Batch(int64_t from, size_t max_reports,
                                                  int64_t max_bytes) const {
  std::vector<v1::AttemptReport> batch;
  int64_t bytes = 0;
  for (int64_t i = std::max(from, first_index_); i < in_file_ && batch.size() < max_reports; ++i) {
    const std::string& payload = reports_[static_cast<size_t>(i - first_index_)].payload;
    bytes += static_cast<int64_t>(payload.size());
    if (!batch.empty() && bytes > max_bytes) break;
    batch.emplace_back().ParseFromString(payload);
  }
  return batch;
}

void EventOutbox::Acknowledge(int64_t next_index) {
  next_index = std::min(next_index, end_index());
  if (next_index <= first_index_) return;
  Apply('A', next_index, "");
  in_file_ = std::max(in_file_, first_index_);
  if (held_metrics_ && !crowded()) {
    Push(*std::exchange(held_metrics_, std::nullopt));
  }
  // A lost acknowledgement costs a repeated report, so failures here are not worth a word.
  if (file_bytes_ > live_bytes_ + options_.trim_bytes) {
    if (Rewrite().ok()) return;
  }
  if (!damaged_) (void)AppendToFile(EncodeRecord('A', first_index_, ""), false);
  (void)Flush();
}

}  // namespace attune
