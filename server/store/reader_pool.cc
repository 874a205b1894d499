// SPDX-License-Identifier: Apache-2.0
#include "server/store/reader_pool.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "base/errors.h"
#include "base/logging.h"

namespace attune {
namespace {

constexpr absl::Duration kLongRead = absl::Seconds(1);

}  // namespace

ReaderPool::ReaderPool(std::string path, std::string vfs, int capacity, const Clock& clock)
    : path_(std::move(path)),
      vfs_(std::move(vfs)),
      capacity_(std::max(1, capacity)),
      clock_(clock) {}

absl::Status ReaderPool::Read(absl::FunctionRef<absl::Status(Database&)> body) {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<Database> reader, Borrow());
  const absl::Duration start = clock_.SinceBoot();
  absl::Status status = reader->Execute("BEGIN");
  if (status.ok()) status = body(*reader);
  if (reader->in_transaction()) {
    const absl::Status ended = reader->Execute("COMMIT");
    if (status.ok()) status = ended;
  }
  if (const absl::Duration took = clock_.SinceBoot() - start; took > kLongRead) {
    LogWarning("a read transaction took long and kept the write-ahead log from shrinking",
               {{"seconds", Str(absl::ToDoubleSeconds(took))}});
  }
  GiveBack(std::move(reader));
  return status;
}

absl::StatusOr<std::unique_ptr<Database>> ReaderPool::Borrow() {
  {
    absl::MutexLock lock(&mutex_);
    auto available = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !idle_.empty() || in_use_ < capacity_;
    };
    mutex_.Await(absl::Condition(&available));
    ++in_use_;
    if (!idle_.empty()) {
      std::unique_ptr<Database> reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
  }
  auto reader = Database::Open(path_, vfs_, Database::Role::kReader);
  if (!reader.ok()) GiveBack(nullptr);
  return reader;
}

void ReaderPool::GiveBack(std::unique_ptr<Database> reader) {
  // One that failed, or is stuck in its transaction, is closed; the next read opens another.
  const bool sound = reader != nullptr && reader->failure().ok() && !reader->in_transaction();
  absl::MutexLock lock(&mutex_);
  --in_use_;
  if (sound) idle_.push_back(std::move(reader));
}

}  // namespace attune
