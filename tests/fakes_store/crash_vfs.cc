// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes_store/crash_vfs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sqlite3.h"

namespace attune {
namespace {

constexpr int64_t kJulianEpochMs = 210866760000000;  // 1970-01-01 in SQLite's milliseconds

// What all connections to one database share, other than its bytes: gone after a crash.
struct Shared {
  uint64_t generation = 0;
  int readers = 0;  // SHARED or more
  const void* reserved = nullptr;
  const void* pending = nullptr;
  const void* exclusive = nullptr;
  std::vector<std::unique_ptr<char[]>> regions;
  std::array<int, SQLITE_SHM_NLOCK> shm_shared{};
  std::array<const void*, SQLITE_SHM_NLOCK> shm_exclusive{};
};

}  // namespace

struct CrashVfs::Impl {
  Impl(std::string name, CrashDisk& disk, Rng& rng, const Clock& clock)
      : name(std::move(name)), disk(disk), rng(rng), clock(clock) {}

  std::shared_ptr<Shared> SharedOf(const std::string& path) {
    absl::MutexLock lock(&mutex);
    std::shared_ptr<Shared>& found = shared[path];
    const uint64_t generation = disk.generation();
    if (found == nullptr || found->generation != generation) {
      found = std::make_shared<Shared>();
      found->generation = generation;
    }
    return found;
  }

  const std::string name;
  CrashDisk& disk;
  Rng& rng;
  const Clock& clock;
  sqlite3_vfs vfs{};
  absl::Mutex mutex;  // guards `shared` and what is in it
  std::map<std::string, std::shared_ptr<Shared>> shared;
};

namespace {

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

struct OpenFile {
  CrashVfs::Impl* impl = nullptr;
  std::string path;
  CrashDisk::Handle handle;
  std::shared_ptr<Shared> shared;
  int level = SQLITE_LOCK_NONE;
  std::array<bool, SQLITE_SHM_NLOCK> shm_shared{};
  std::array<bool, SQLITE_SHM_NLOCK> shm_exclusive{};
  bool sync_folder = false;  // at the first sync: SQLite's unix VFS does so for new journals
  bool delete_on_close = false;
};

struct VfsFile {
  sqlite3_file base;
  OpenFile* open;
};

OpenFile& Of(sqlite3_file* file) { return *reinterpret_cast<VfsFile*>(file)->open; }
CrashVfs::Impl& Of(sqlite3_vfs* vfs) { return *static_cast<CrashVfs::Impl*>(vfs->pAppData); }

int Code(const absl::Status& status, int io_error) {
  if (status.ok()) return SQLITE_OK;
  return absl::IsResourceExhausted(status) ? SQLITE_FULL : io_error;
}

int Read(sqlite3_file* file, void* buffer, int size, sqlite3_int64 offset) {
  OpenFile& open = Of(file);
  const auto got = open.impl->disk.Read(open.handle, offset, static_cast<char*>(buffer),
                                        static_cast<size_t>(size));
  if (!got.ok()) return SQLITE_IOERR_READ;
  if (*got == static_cast<size_t>(size)) return SQLITE_OK;
  std::memset(static_cast<char*>(buffer) + *got, 0, static_cast<size_t>(size) - *got);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  OpenFile& open = Of(file);
  const std::string_view bytes(static_cast<const char*>(data), static_cast<size_t>(size));
  return Code(open.impl->disk.Write(open.handle, offset, bytes), SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  OpenFile& open = Of(file);
  return Code(open.impl->disk.Truncate(open.handle, size), SQLITE_IOERR_TRUNCATE);
}

int Sync(sqlite3_file* file, int) {
  OpenFile& open = Of(file);
  absl::Status status = open.impl->disk.Sync(open.handle);
  if (status.ok() && std::exchange(open.sync_folder, false)) {
    status = open.impl->disk.SyncDir(FolderOf(open.path));
  }
  return Code(status, SQLITE_IOERR_FSYNC);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  OpenFile& open = Of(file);
  const auto got = open.impl->disk.Size(open.handle);
  *size = got.ok() ? *got : 0;
  return got.ok() ? SQLITE_OK : SQLITE_IOERR_FSTAT;
}

bool Crashed(const OpenFile& open) {
  return open.impl->disk.generation() != open.handle.generation;
}

int Lock(sqlite3_file* file, int level) {
  OpenFile& open = Of(file);
  if (Crashed(open)) return SQLITE_IOERR_LOCK;
  absl::MutexLock lock(&open.impl->mutex);
  Shared& shared = *open.shared;
  if (level <= open.level) return SQLITE_OK;
  auto others = [&](const void* holder) { return holder != nullptr && holder != &open; };
  if (others(shared.exclusive)) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_SHARED) {
    if (others(shared.pending)) return SQLITE_BUSY;
    ++shared.readers;
  } else {
    if (others(shared.reserved) || others(shared.pending)) return SQLITE_BUSY;
    shared.reserved = &open;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      shared.pending = &open;
      if (shared.readers > 1) {
        open.level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
      }
      shared.exclusive = &open;
    }
  }
  open.level = level;
  return SQLITE_OK;
}

int Unlock(sqlite3_file* file, int level) {
  OpenFile& open = Of(file);
  absl::MutexLock lock(&open.impl->mutex);
  Shared& shared = *open.shared;
  if (level >= open.level) return SQLITE_OK;
  for (const void** holder : {&shared.reserved, &shared.pending, &shared.exclusive}) {
    if (*holder == &open) *holder = nullptr;
  }
  if (level == SQLITE_LOCK_NONE) --shared.readers;
  open.level = level;
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* file, int* held) {
  OpenFile& open = Of(file);
  absl::MutexLock lock(&open.impl->mutex);
  *held = open.shared->reserved != nullptr;
  return SQLITE_OK;
}

int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 4096; }
int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
  OpenFile& open = Of(file);
  if (Crashed(open)) return SQLITE_IOERR_SHMMAP;
  absl::MutexLock lock(&open.impl->mutex);
  auto& regions = open.shared->regions;
  while (extend != 0 && regions.size() <= static_cast<size_t>(region)) {
    regions.push_back(std::make_unique<char[]>(static_cast<size_t>(size)));
  }
  *memory = static_cast<size_t>(region) < regions.size()
                ? regions[static_cast<size_t>(region)].get()
                : nullptr;
  return SQLITE_OK;
}

int ShmUnlock(OpenFile& open, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    if (std::exchange(open.shm_shared[i], false)) --open.shared->shm_shared[i];
    if (std::exchange(open.shm_exclusive[i], false)) open.shared->shm_exclusive[i] = nullptr;
  }
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* file, int first, int count, int flags) {
  OpenFile& open = Of(file);
  if (Crashed(open)) return SQLITE_IOERR_SHMLOCK;
  absl::MutexLock lock(&open.impl->mutex);
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return ShmUnlock(open, first, count);
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  Shared& shared = *open.shared;
  for (int i = first; i < first + count; ++i) {
    if (shared.shm_exclusive[i] != nullptr && shared.shm_exclusive[i] != &open) return SQLITE_BUSY;
    const int others = shared.shm_shared[i] - (open.shm_shared[i] ? 1 : 0);
    if (exclusive && others > 0) return SQLITE_BUSY;
  }
  for (int i = first; i < first + count; ++i) {
    if (exclusive) {
      open.shm_exclusive[i] = true;
      shared.shm_exclusive[i] = &open;
    } else if (!std::exchange(open.shm_shared[i], true)) {
      ++shared.shm_shared[i];
    }
  }
  return SQLITE_OK;
}

// Taking a lock orders memory as a fence would, and ThreadSanitizer understands it.
void ShmBarrier(sqlite3_file* file) { absl::MutexLock lock(&Of(file).impl->mutex); }

// Its regions stay until the next crash: SQLite rebuilds them when they do not fit the WAL.
int ShmUnmap(sqlite3_file* file, int remove) {
  OpenFile& open = Of(file);
  absl::MutexLock lock(&open.impl->mutex);
  ShmUnlock(open, 0, SQLITE_SHM_NLOCK);
  if (remove != 0) open.shared->regions.clear();
  return SQLITE_OK;
}

int Close(sqlite3_file* file) {
  OpenFile* open = reinterpret_cast<VfsFile*>(file)->open;
  Unlock(file, SQLITE_LOCK_NONE);
  if (open->delete_on_close && !open->path.empty() && !Crashed(*open)) {
    open->impl->disk.Remove(open->path).IgnoreError();
  }
  delete open;
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  CrashVfs::Impl& impl = Of(vfs);
  file->pMethods = nullptr;
  auto open = std::make_unique<OpenFile>();
  open->impl = &impl;
  open->path = name == nullptr ? "" : name;
  open->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  if (name == nullptr) {
    open->handle = impl.disk.CreateUnnamed();
  } else {
    const bool create = (flags & SQLITE_OPEN_CREATE) != 0 && !impl.disk.Exists(open->path);
    auto handle = create ? impl.disk.Create(open->path) : impl.disk.Open(open->path);
    if (!handle.ok()) return SQLITE_CANTOPEN;
    open->handle = *std::move(handle);
    open->sync_folder = create && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  }
  open->shared = impl.SharedOf(open->path);
  reinterpret_cast<VfsFile*>(file)->open = open.release();
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  CrashDisk& disk = Of(vfs).disk;
  absl::Status status = disk.Remove(name);
  if (absl::IsNotFound(status)) return SQLITE_IOERR_DELETE_NOENT;
  if (status.ok() && sync_folder != 0) status = disk.SyncDir(FolderOf(name));
  return Code(status, SQLITE_IOERR_DELETE);
}

int Access(sqlite3_vfs* vfs, const char* name, int, int* result) {
  *result = Of(vfs).disk.Exists(name) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* full) {
  const size_t length = std::strlen(name);
  if (length >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(full, name, length + 1);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs* vfs, int size, char* bytes) {
  for (int i = 0; i < size; ++i) bytes[i] = static_cast<char>(Of(vfs).rng.Next());
  return size;
}

int Sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* now) {
  *now = kJulianEpochMs + absl::ToUnixMillis(Of(vfs).clock.Now());
  return SQLITE_OK;
}

int CurrentTime(sqlite3_vfs* vfs, double* now) {
  sqlite3_int64 milliseconds = 0;
  CurrentTimeInt64(vfs, &milliseconds);
  *now = static_cast<double>(milliseconds) / 86400000.0;
  return SQLITE_OK;
}

int GetLastError(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

CrashVfs::CrashVfs(std::string name, CrashDisk& disk, Rng& rng, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(name), disk, rng, clock)) {
  sqlite3_vfs& vfs = impl_->vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(VfsFile);
  vfs.mxPathname = 1024;
  vfs.zName = impl_->name.c_str();
  vfs.pAppData = impl_.get();
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.xFullPathname = FullPathname;
  vfs.xRandomness = Randomness;
  vfs.xSleep = Sleep;
  vfs.xCurrentTime = CurrentTime;
  vfs.xGetLastError = GetLastError;
  vfs.xCurrentTimeInt64 = CurrentTimeInt64;
  sqlite3_vfs_register(&vfs, /*makeDflt=*/0);
}

CrashVfs::~CrashVfs() { sqlite3_vfs_unregister(&impl_->vfs); }

const std::string& CrashVfs::name() const { return impl_->name; }

}  // namespace attune
