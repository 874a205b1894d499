// SPDX-License-Identifier: Apache-2.0
// The reports of one attempt that the server has not acknowledged yet, on disk, so that they
// outlive the agent. Indexes count from 0 and are dense; a report keeps its index for ever.
//
// The file is a log of records: u32 length, u32 CRC-32 of the body, body; the body is a kind, a u64
// index and a payload. Kinds: H identity (first), R report, A "all below index are acknowledged".
// Numbers are little-endian. A torn tail is dropped at Open. A report is offered for sending only
// once it is in the file: an agent killed between the two must not give its index to another one.
//
// Step metrics are fsynced late, by Sync, which comes before they are sent (a power cut must not
// give their indexes to other reports) and before a checkpoint is kept (it covers their steps).
// When the outbox is crowded (a long time without a server) only the latest waits, without an index
// yet. Everything else is fsynced at once.
//
// Lives on the agent's executor; not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attune/v1/attempt.pb.h"
#include "attune/v1/worker.pb.h"
#include "base/file_system.h"

namespace attune {

struct OutboxOptions {
  size_t crowded_reports = 4096;  // above either, step metrics coalesce
  int64_t crowded_bytes = 4 << 20;
  int64_t trim_bytes = 256 << 10;  // acknowledged bytes the file may carry before a rewrite
};

class EventOutbox {
 public:
  // A new file. `identity` says whose reports these are.
  static absl::StatusOr<std::unique_ptr<EventOutbox>> Create(FileSystem& files, std::string path,
                                                             const v1::HeldAttempt& identity,
                                                             OutboxOptions options = {});
  // What an earlier agent left. NOT_FOUND; DATA_LOSS when not even the identity can be read.
  static absl::StatusOr<std::unique_ptr<EventOutbox>> Open(FileSystem& files, std::string path,
                                                           OutboxOptions options = {});

  const v1::HeldAttempt& identity() const { return identity_; }

  // Takes the report. An error says that it is kept in memory only for now (disk full): call Flush
  // later.
  absl::Status Append(v1::AttemptReport report);
  absl::Status Flush();
  bool flushed() const { return in_file_ == end_index(); }
  // What is in the file outlives a power cut from here on.
  absl::Status Sync();

  // Reports [from, …) that are in the file, as many as fit.
  std::vector<v1::AttemptReport> Batch(int64_t from, size_t max_reports, int64_t max_bytes) const;

  // The server has everything below.
  void Acknowledge(int64_t next_index);

  int64_t acknowledged() const { return first_index_; }
  int64_t end_index() const { return first_index_ + static_cast<int64_t>(reports_.size()); }
  bool empty() const { return reports_.empty() && !held_metrics_; }
  bool crowded() const {
    return reports_.size() >= options_.crowded_reports || live_bytes_ >= options_.crowded_bytes;
  }
  // A report that ends the attempt was appended.
  bool has_final() const { return has_final_; }

 private:
  EventOutbox(FileSystem& files, std::string path, OutboxOptions options)
      : files_(files), path_(std::move(path)), options_(options) {}
  void Push(const v1::AttemptReport& report);
  absl::Status AppendToFile(const std::string& bytes, bool sync);
  absl::Status Rewrite();
  size_t Replay(const std::string& bytes, bool& has_identity);  // the length that is whole
  bool Apply(char kind, int64_t index, std::string payload);

  struct Report {
    std::string payload;
    bool durable;
  };

  FileSystem& files_;
  const std::string path_;
  const OutboxOptions options_;
  v1::HeldAttempt identity_;
  std::unique_ptr<File> file_;
  std::deque<Report> reports_;  // [first_index_, end_index())
  int64_t first_index_ = 0;
  int64_t in_file_ = 0;     // reports below are in the file
  int64_t synced_ = 0;      // and these outlive a power cut
  int64_t live_bytes_ = 0;  // of reports_
  int64_t file_bytes_ = 0;
  bool damaged_ = false;  // a write failed: the file must be written anew before it grows
  bool has_final_ = false;
  std::optional<v1::AttemptReport> held_metrics_;
};

}  // namespace attune
