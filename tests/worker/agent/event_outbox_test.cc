// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/event_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

v1::AttemptReport Metrics(int64_t step) {
  v1::AttemptReport report;
  report.mutable_metrics()->set_step(step);
  return report;
}

v1::AttemptReport Notice(const std::string& text) {
  v1::AttemptReport report;
  report.mutable_notice()->set_message(text);
  return report;
}

v1::AttemptReport Succeeded() {
  v1::AttemptReport report;
  report.mutable_succeeded()->set_step(9);
  return report;
}

// Fails appends, whole or halfway, while told to.
class FullDisk final : public FileSystem {
 public:
  explicit FullDisk(FileSystem& real) : real_(real) {}
  bool full = false;
  size_t bytes_before_failure = 0;

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode,
                                             int permissions) override {
    auto file = real_.Open(path, mode, permissions);
    if (!file.ok()) return file;
    return std::make_unique<FullFile>(*this, *std::move(file));
  }
  absl::Status MakeDirs(const std::string& path, int permissions) override {
    return real_.MakeDirs(path, permissions);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return real_.Rename(from, to);
  }
  absl::Status Link(const std::string& from, const std::string& to) override {
    return real_.Link(from, to);
  }
  absl::Status Remove(const std::string& path) override { return real_.Remove(path); }
  absl::Status RemoveTree(const std::string& path) override { return real_.RemoveTree(path); }
  absl::Status SyncDir(const std::string& path) override { return real_.SyncDir(path); }
  bool Exists(const std::string& path) override { return real_.Exists(path); }
  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    return real_.FileSize(path);
  }
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    return real_.FreeBytes(path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    return real_.List(dir);
  }

 private:
  class FullFile final : public File {
   public:
    FullFile(FullDisk& disk, std::unique_ptr<File> real) : disk_(disk), real_(std::move(real)) {}
    absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) override {
      return real_->ReadAt(offset, buffer, size);
    }
    absl::Status Append(std::string_view data) override {
      if (!disk_.full) return real_->Append(data);
      (void)real_->Append(data.substr(0, disk_.bytes_before_failure));
      return absl::ResourceExhaustedError("No space left on device");
    }
    absl::Status Sync() override { return real_->Sync(); }
    absl::StatusOr<int64_t> Size() override { return real_->Size(); }

   private:
    FullDisk& disk_;
    std::unique_ptr<File> real_;
  };

  FileSystem& real_;
};

class EventOutboxTest : public ::testing::Test {
 protected:
  static v1::HeldAttempt Identity() {
    v1::HeldAttempt identity;
    identity.set_job("jobs/reviews");
    identity.set_attempt(2);
    identity.set_fence(17);
    return identity;
  }
  std::unique_ptr<EventOutbox> Create(OutboxOptions options = {}) {
    auto outbox = EventOutbox::Create(disk_, path_, Identity(), options);
    EXPECT_TRUE(outbox.ok()) << outbox.status();
    return *std::move(outbox);
  }
  std::unique_ptr<EventOutbox> Reopen(OutboxOptions options = {}) {
    auto outbox = EventOutbox::Open(disk_, path_, options);
    EXPECT_TRUE(outbox.ok()) << outbox.status();
    return outbox.ok() ? *std::move(outbox) : nullptr;
  }
  std::string Contents() { return *PosixFileSystem().ReadFile(path_); }

  TempDir dir_;
  FullDisk disk_{PosixFileSystem()};
  const std::string path_ = dir_.Path("outbox");
};

TEST_F(EventOutboxTest, KeepsReportsAndIndexesAcrossReopening) {
  auto outbox = Create();
  ASSERT_TRUE(outbox->Append(Metrics(1)).ok());
  ASSERT_TRUE(outbox->Append(Notice("hello")).ok());
  outbox = Reopen();
  EXPECT_EQ(outbox->identity().fence(), 17);
  EXPECT_EQ(outbox->identity().job(), "jobs/reviews");
  EXPECT_EQ(outbox->end_index(), 2);
  EXPECT_EQ(outbox->Batch(0, 10, 1 << 20)[1].notice().message(), "hello");
}

TEST_F(EventOutboxTest, DropsATailTornAtAnyByteAndGoesOnBehindIt) {
  auto outbox = Create();
  ASSERT_TRUE(outbox->Append(Notice("one")).ok());
  const size_t first = Contents().size();
  ASSERT_TRUE(outbox->Append(Notice("two")).ok());
  const std::string whole = Contents();
  for (size_t cut = first; cut < whole.size(); ++cut) {
    ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path_, whole.substr(0, cut)).ok());
    outbox = Reopen();
    ASSERT_EQ(outbox->end_index(), 1) << "cut at " << cut;
    ASSERT_TRUE(outbox->Append(Notice("again")).ok());
    outbox = Reopen();
    ASSERT_EQ(outbox->end_index(), 2) << "cut at " << cut;
    EXPECT_EQ(outbox->Batch(1, 1, 1 << 20)[0].notice().message(), "again");
  }
}

TEST_F(EventOutboxTest, RefusesAFileWhoseIdentityIsTornAtAnyByte) {
  Create();
  const std::string whole = Contents();
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path_, whole.substr(0, cut)).ok());
    EXPECT_EQ(EventOutbox::Open(disk_, path_).status().code(), absl::StatusCode::kDataLoss)
        << "cut at " << cut;
  }
}

TEST_F(EventOutboxTest, StopsAtAFlippedByteInsteadOfServingIt) {
  auto outbox = Create();
  ASSERT_TRUE(outbox->Append(Notice("one")).ok());
  const size_t first = Contents().size();
  ASSERT_TRUE(outbox->Append(Notice("two")).ok());
  const std::string whole = Contents();
  for (size_t at = first; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path_, flipped).ok());
    EXPECT_EQ(Reopen()->end_index(), 1) << "byte " << at;
  }
}

TEST_F(EventOutboxTest, ForgetsWhatIsAcknowledgedAndRemembersThatItWas) {
  auto outbox = Create();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(outbox->Append(Notice(absl::StrCat(i))).ok());
  outbox->Acknowledge(3);
  EXPECT_EQ(outbox->acknowledged(), 3);
  outbox = Reopen();
  EXPECT_EQ(outbox->acknowledged(), 3);
  EXPECT_EQ(outbox->end_index(), 5);
  EXPECT_EQ(outbox->Batch(3, 10, 1 << 20)[0].notice().message(), "3");
  outbox->Acknowledge(5);
  EXPECT_TRUE(outbox->empty());
}

TEST_F(EventOutboxTest, TrimsTheFileOnceMostOfItIsAcknowledged) {
  auto outbox = Create({.trim_bytes = 1000});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(outbox->Append(Notice(std::string(200, 'x'))).ok());
  const size_t before = Contents().size();
  outbox->Acknowledge(19);
  EXPECT_LT(Contents().size(), before / 4);
  ASSERT_TRUE(outbox->Append(Notice("after")).ok());
  outbox = Reopen();
  EXPECT_EQ(outbox->acknowledged(), 19);
  EXPECT_EQ(outbox->end_index(), 21);
  EXPECT_EQ(outbox->Batch(20, 1, 1 << 20)[0].notice().message(), "after");
}

TEST_F(EventOutboxTest, BatchesByCountAndBytesButAlwaysOne) {
  auto outbox = Create();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(outbox->Append(Notice(std::string(100, 'x'))).ok());
  EXPECT_EQ(outbox->Batch(0, 3, 1 << 20).size(), 3u);
  EXPECT_EQ(outbox->Batch(0, 10, 250).size(), 2u);
  EXPECT_EQ(outbox->Batch(0, 10, 1).size(), 1u);
}

TEST_F(EventOutboxTest, CoalescesStepMetricsWhenCrowdedAndKeepsIndexesDense) {
  auto outbox = Create({.crowded_reports = 3});
  for (int step = 1; step <= 50; ++step) ASSERT_TRUE(outbox->Append(Metrics(step)).ok());
  EXPECT_EQ(outbox->end_index(), 3);
  ASSERT_TRUE(outbox->Append(Notice("durable")).ok());
  ASSERT_EQ(outbox->end_index(), 5);
  EXPECT_EQ(outbox->Batch(3, 1, 1 << 20)[0].metrics().step(), 50);
  EXPECT_EQ(outbox->Batch(4, 1, 1 << 20)[0].notice().message(), "durable");
}

TEST_F(EventOutboxTest, OffersTheHeldMetricsOnceThereIsRoom) {
  auto outbox = Create({.crowded_reports = 2});
  for (int step = 1; step <= 5; ++step) ASSERT_TRUE(outbox->Append(Metrics(step)).ok());
  outbox->Acknowledge(2);
  ASSERT_EQ(outbox->end_index(), 3);
  EXPECT_EQ(outbox->Batch(2, 1, 1 << 20)[0].metrics().step(), 5);
}

TEST_F(EventOutboxTest, OffersNothingThatTheFullDiskDidNotTake) {
  for (size_t partial : {0, 1, 8, 20}) {
    auto outbox = Create();
    ASSERT_TRUE(outbox->Append(Notice("stored")).ok());
    disk_.full = true;
    disk_.bytes_before_failure = partial;
    EXPECT_EQ(outbox->Append(Notice("late")).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(outbox->Batch(0, 10, 1 << 20).size(), 1u);
    EXPECT_FALSE(outbox->flushed());
    disk_.full = false;
    EXPECT_TRUE(outbox->Flush().ok());
    EXPECT_EQ(outbox->Batch(0, 10, 1 << 20).size(), 2u);
    EXPECT_EQ(Reopen()->Batch(1, 1, 1 << 20)[0].notice().message(), "late");
  }
}

TEST_F(EventOutboxTest, KnowsAfterReopeningThatTheAttemptHasItsFinalReport) {
  auto outbox = Create();
  ASSERT_TRUE(outbox->Append(Notice("x")).ok());
  EXPECT_FALSE(outbox->has_final());
  ASSERT_TRUE(outbox->Append(Succeeded()).ok());
  EXPECT_TRUE(Reopen()->has_final());
}

}  // namespace
}  // namespace attune
