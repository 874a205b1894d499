// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes_store/crash_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/errors.h"

namespace attune {
namespace {

constexpr size_t kSector = 512;

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool IsBelow(const std::string& path, const std::string& dir) {
  return path.size() > dir.size() && path.compare(0, dir.size(), dir) == 0 &&
         path[dir.size()] == '/';
}

}  // namespace

// ---- faults ----

void CrashDisk::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

void CrashDisk::StopAfter(int64_t operations) {
  absl::MutexLock lock(&mutex_);
  stop_at_ = operations_ + operations;
}

void CrashDisk::Restart(Rng& rng) {
  absl::MutexLock lock(&mutex_);
  const size_t kept = rng.Below(changes_.size() + 1);
  for (size_t i = 0; i < kept; ++i) Apply(changes_[i], durable_names_);
  changes_.clear();
  names_ = durable_names_;
  used_ = 0;
  // Copies, one an inode: whoever still holds a file from before must not see what comes after.
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  for (auto& [path, inode] : names_) {
    std::shared_ptr<Inode>& copy = copies[inode.get()];
    if (copy == nullptr) {
      copy = std::make_shared<Inode>(*inode);
      Tear(*copy, rng);
      used_ += static_cast<int64_t>(copy->now.size());
    }
    inode = copy;
  }
  durable_names_ = names_;
  stopped_ = false;
  stop_at_ = -1;
  ++generation_;
}

void CrashDisk::RestartIntact() {
  absl::MutexLock lock(&mutex_);
  stopped_ = false;
  stop_at_ = -1;
  ++generation_;
}

void CrashDisk::Tear(Inode& inode, Rng& rng) {
  std::string after = inode.durable;
  switch (rng.Below(3)) {
    case 0:
      break;
    case 1:
      after.resize(inode.now.size());
      break;
    default:
      // A file grows piece by piece; cutting it is one step.
      const size_t growth = inode.now.size() - std::min(inode.now.size(), inode.durable.size());
      after.resize(after.size() + rng.Below(growth / kSector + 1) * kSector);
  }
  for (const size_t sector : inode.dirty) {
    const size_t start = sector * kSector;
    const size_t end = std::min({start + kSector, after.size(), inode.now.size()});
    if (rng.Below(2) == 0 || start >= end) continue;
    std::copy(inode.now.begin() + static_cast<std::ptrdiff_t>(start),
              inode.now.begin() + static_cast<std::ptrdiff_t>(end),
              after.begin() + static_cast<std::ptrdiff_t>(start));
  }
  inode.now = after;
  inode.durable = std::move(after);
  inode.dirty.clear();
}

void CrashDisk::FailSync(int64_t nth) {
  absl::MutexLock lock(&mutex_);
  failing_sync_ = nth;
}

void CrashDisk::SetCapacity(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  capacity_ = bytes;
}

absl::Status CrashDisk::Damage(const std::string& path, int64_t offset, unsigned char bits) {
  absl::MutexLock lock(&mutex_);
  const auto found = names_.find(path);
  if (found == names_.end()) return absl::NotFoundError(path);
  for (std::string* bytes : {&found->second->now, &found->second->durable}) {
    if (static_cast<size_t>(offset) < bytes->size()) {
      (*bytes)[static_cast<size_t>(offset)] ^= static_cast<char>(bits);
    }
  }
  return absl::OkStatus();
}

uint64_t CrashDisk::generation() const {
  absl::MutexLock lock(&mutex_);
  return generation_;
}

int64_t CrashDisk::operations() const {
  absl::MutexLock lock(&mutex_);
  return operations_;
}

absl::Status CrashDisk::Count() {
  if (stop_at_ >= 0 && operations_ >= stop_at_) stopped_ = true;
  if (stopped_) return absl::InternalError("the disk lost power");
  ++operations_;
  return absl::OkStatus();
}

absl::Status CrashDisk::Usable(const Handle& file) const {
  if (stopped_ || file.generation != generation_) {
    return absl::InternalError("the disk lost power");
  }
  return absl::OkStatus();
}

// ---- names ----

void CrashDisk::Apply(const NameChange& change, Names& names) {
  if (!change.remove.empty()) names.erase(change.remove);
  if (!change.add.empty()) names[change.add] = change.inode;
}

void CrashDisk::Change(NameChange change) {
  Apply(change, names_);
  changes_.push_back(std::move(change));
}

// The last name of a file gives its bytes back.
void CrashDisk::FreeName(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return;
  const auto links = std::count_if(names_.begin(), names_.end(),
                                   [&](const auto& name) { return name.second == found->second; });
  if (links == 1) used_ -= static_cast<int64_t>(found->second->now.size());
}

absl::StatusOr<CrashDisk::Handle> CrashDisk::Open(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return absl::InternalError("the disk lost power");
  const auto found = names_.find(path);
  if (found == names_.end() || found->second->is_dir) return absl::NotFoundError(path);
  return Handle{found->second, generation_};
}

absl::StatusOr<CrashDisk::Handle> CrashDisk::Create(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Count());
  if (names_.contains(path)) return absl::AlreadyExistsError(path);
  auto inode = std::make_shared<Inode>();
  Change({"", path, inode});
  return Handle{std::move(inode), generation_};
}

CrashDisk::Handle CrashDisk::CreateUnnamed() {
  absl::MutexLock lock(&mutex_);
  return Handle{std::make_shared<Inode>(), generation_};
}

absl::Status CrashDisk::MakeDirs(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string dir = path.substr(0, end);
    if (const auto found = names_.find(dir); found == names_.end()) {
      ATTUNE_RETURN_IF_ERROR(Count());
      auto inode = std::make_shared<Inode>();
      inode->is_dir = true;
      Change({"", dir, std::move(inode)});
    } else if (!found->second->is_dir) {
      return absl::InternalError("not a folder");
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::Status CrashDisk::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Count());
  const auto found = names_.find(path);
  if (found == names_.end()) return absl::NotFoundError(path);
  const auto next = std::next(found);
  if (next != names_.end() && IsBelow(next->first, path)) {
    return absl::InternalError("the folder is not empty");
  }
  FreeName(path);
  Change({path, "", nullptr});
  return absl::OkStatus();
}

absl::Status CrashDisk::RemoveTree(const std::string& path) {
  std::vector<std::string> doomed;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, inode] : names_) {
      if (name == path || IsBelow(name, path)) doomed.push_back(name);
    }
  }
  for (auto name = doomed.rbegin(); name != doomed.rend(); ++name) {
    ATTUNE_RETURN_IF_ERROR(Remove(*name));
  }
  return absl::OkStatus();
}

absl::Status CrashDisk::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Count());
  const auto found = names_.find(from);
  if (found == names_.end()) return absl::NotFoundError(from);
  if (!FolderOf(to).empty() && !names_.contains(FolderOf(to))) return absl::NotFoundError(to);
  FreeName(to);
  Change({from, to, found->second});
  return absl::OkStatus();
}

absl::Status CrashDisk::Link(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Count());
  const auto found = names_.find(from);
  if (found == names_.end()) return absl::NotFoundError(from);
  if (names_.contains(to)) return absl::AlreadyExistsError(to);
  Change({"", to, found->second});
  return absl::OkStatus();
}

absl::Status CrashDisk::SyncDir(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Count());
  auto concerns = [&](const std::string& name) { return !name.empty() && FolderOf(name) == path; };
  size_t needed = 0;
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (concerns(changes_[i].remove) || concerns(changes_[i].add)) needed = i + 1;
  }
  const auto end = changes_.begin() + static_cast<std::ptrdiff_t>(needed);
  for (auto change = changes_.begin(); change != end; ++change) Apply(*change, durable_names_);
  changes_.erase(changes_.begin(), end);
  return absl::OkStatus();
}

bool CrashDisk::Exists(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  return names_.contains(path);
}

absl::StatusOr<std::vector<std::string>> CrashDisk::List(const std::string& dir) const {
  absl::MutexLock lock(&mutex_);
  const auto found = names_.find(dir);
  if (found == names_.end() || !found->second->is_dir) return absl::NotFoundError(dir);
  std::vector<std::string> children;
  for (const auto& [path, inode] : names_) {
    if (FolderOf(path) == dir) children.push_back(path.substr(dir.size() + 1));
  }
  return children;
}

int64_t CrashDisk::FreeBytes() const {
  absl::MutexLock lock(&mutex_);
  return std::max<int64_t>(0, capacity_ - used_);
}

// ---- bytes ----

absl::StatusOr<size_t> CrashDisk::Read(const Handle& file, int64_t offset, char* buffer,
                                       size_t size) const {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Usable(file));
  const std::string& bytes = file.inode->now;
  if (static_cast<size_t>(offset) >= bytes.size()) return 0;
  const size_t got = std::min(size, bytes.size() - static_cast<size_t>(offset));
  std::memcpy(buffer, bytes.data() + offset, got);
  return got;
}

void CrashDisk::Resize(Inode& inode, size_t size) {
  const size_t first = std::min(size, inode.now.size()) / kSector;
  const size_t last = std::max(size, inode.now.size()) / kSector;
  for (size_t sector = first; sector <= last; ++sector) inode.dirty.insert(sector);
  inode.now.resize(size);
}

absl::Status CrashDisk::WriteLocked(Inode& inode, size_t offset, std::string_view data) {
  const size_t end = offset + data.size();
  if (end > inode.now.size()) {
    const auto growth = static_cast<int64_t>(end - inode.now.size());
    if (used_ + growth > capacity_) return absl::ResourceExhaustedError("the disk is full");
    used_ += growth;
    Resize(inode, end);
  }
  std::copy(data.begin(), data.end(), inode.now.begin() + static_cast<std::ptrdiff_t>(offset));
  for (size_t sector = offset / kSector; sector * kSector < end; ++sector) {
    inode.dirty.insert(sector);
  }
  return absl::OkStatus();
}

absl::Status CrashDisk::Write(const Handle& file, int64_t offset, std::string_view data) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Usable(file));
  ATTUNE_RETURN_IF_ERROR(Count());
  return WriteLocked(*file.inode, static_cast<size_t>(offset), data);
}

absl::Status CrashDisk::Append(const Handle& file, std::string_view data) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Usable(file));
  ATTUNE_RETURN_IF_ERROR(Count());
  return WriteLocked(*file.inode, file.inode->now.size(), data);
}

absl::Status CrashDisk::Truncate(const Handle& file, int64_t size) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Usable(file));
  ATTUNE_RETURN_IF_ERROR(Count());
  used_ += size - static_cast<int64_t>(file.inode->now.size());
  Resize(*file.inode, static_cast<size_t>(size));
  return absl::OkStatus();
}

void CrashDisk::MakeDurable(Inode& inode) {
  inode.durable.resize(inode.now.size());
  for (const size_t sector : inode.dirty) {
    const size_t start = sector * kSector;
    if (start >= inode.now.size()) continue;
    const size_t size = std::min(kSector, inode.now.size() - start);
    inode.durable.replace(start, size, inode.now, start, size);
  }
  inode.dirty.clear();
}

absl::Status CrashDisk::Sync(const Handle& file) {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Usable(file));
  ATTUNE_RETURN_IF_ERROR(Count());
  if (failing_sync_ > 0 && --failing_sync_ == 0) return absl::InternalError("the sync failed");
  MakeDurable(*file.inode);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CrashDisk::Size(const Handle& file) const {
  absl::MutexLock lock(&mutex_);
  ATTUNE_RETURN_IF_ERROR(Usable(file));
  return static_cast<int64_t>(file.inode->now.size());
}

}  // namespace attune
