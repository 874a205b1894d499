// SPDX-License-Identifier: Apache-2.0
// A store on a disk in memory, driven step by step from the test's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/errors.h"
#include "base/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/jobs_table.h"
#include "server/store/store.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes_store/crash_vfs.h"
#include "tests/fakes_store/memory_file_system.h"

namespace attune {

class StoreFixture {
 public:
  explicit StoreFixture(uint64_t seed = 1)
      : rng_(seed), files_(disk_), vfs_("crash", disk_, rng_, loop_.clock()) {
    disk_.MakeDirs("/data").IgnoreError();
    disk_.SyncDir("").IgnoreError();
  }
  ~StoreFixture() { Close(); }

  absl::Status Open(int max_queued = 20000) {
    writer_ = &loop_.NewExecutor("writer");
    Store::Options options;
    options.path = kPath;
    options.vfs = vfs_.name();
    options.files = &files_;
    options.max_queued_requests = max_queued;
    auto opened = Store::Open(options, *writer_, rng_,
                              [this](absl::Status cause) { fatal_ = std::move(cause); });
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  void Close() {
    if (writer_ != nullptr) loop_.Kill(*writer_);
    store_.reset();
  }
  absl::Status Reopen() {
    Close();
    return Open();
  }
  // As a SIGKILL and a power cut at once.
  absl::Status CrashAndReopen() {
    disk_.Stop();
    Close();
    disk_.Restart(rng_);
    return Open();
  }

  // Runs a write to its end; its body's or commit's status.
  absl::Status Write(Store::Body body, Lane lane = Lane::kUrgent) {
    std::optional<absl::Status> result;
    store_->Write(lane, std::move(body), [&](absl::Status status) { result = std::move(status); });
    loop_.RunUntilIdle();
    return result.value_or(absl::InternalError("no answer"));
  }
  absl::Status Read(absl::FunctionRef<absl::Status(Snapshot&)> body) { return store_->Read(body); }

  static constexpr char kPath[] = "/data/attune.db";
  Store& store() { return *store_; }
  SimLoop& loop() { return loop_; }
  CrashDisk& disk() { return disk_; }
  FileSystem& files() { return files_; }
  SeededRng& rng() { return rng_; }
  const std::string& vfs_name() const { return vfs_.name(); }
  const absl::Status& fatal() const { return fatal_; }

 private:
  SimLoop loop_;
  SeededRng rng_;
  CrashDisk disk_;
  MemoryFileSystem files_;
  CrashVfs vfs_;
  SimExecutor* writer_ = nullptr;
  std::unique_ptr<Store> store_;
  absl::Status fatal_;
};

inline JobRecord JobNamed(const std::string& id) {
  JobRecord record;
  record.job.set_name("jobs/" + id);
  record.job.set_state(v1::Job::QUEUED);
  record.job.mutable_create_time()->set_seconds(1'700'000'000);
  return record;
}

inline Store::Body InsertJobNamed(const std::string& id) {
  return [id](Transaction& transaction) {
    JobRecord record = JobNamed(id);
    return InsertJob(transaction, record);
  };
}

}  // namespace attune
