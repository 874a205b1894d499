// SPDX-License-Identifier: Apache-2.0
// Status texts hold a file's base name only: they may travel to a client.
#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

std::string BaseName(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

absl::Status Failed(const char* operation, std::string_view path) {
  const int error = errno;
  return ErrnoStatus(error, absl::StrCat(operation, " '", BaseName(path), "'"));
}

// Retries a call that a signal interrupted.
template <typename Call>
auto Retrying(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

int OpenFlags(FileSystem::Mode mode) {
  switch (mode) {
    case FileSystem::Mode::kRead:
      return O_RDONLY;
    case FileSystem::Mode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL | O_APPEND;
    case FileSystem::Mode::kAppend:
      return O_RDWR | O_CREAT | O_APPEND;
    case FileSystem::Mode::kTruncate:
      return O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
  }
  return O_RDONLY;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { close(fd_); }

  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) override {
    const ssize_t got = Retrying([&] { return pread(fd_, buffer, size, offset); });
    if (got < 0) return Failed("read", path_);
    return static_cast<size_t>(got);
  }

  absl::Status Append(std::string_view data) override {
    while (!data.empty()) {
      const ssize_t written = Retrying([&] { return write(fd_, data.data(), data.size()); });
      if (written < 0) return Failed("write", path_);
      data.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  // Not retried on any error: after one the kernel may have dropped the dirty pages.
  absl::Status Sync() override {
    return fdatasync(fd_) == 0 ? absl::OkStatus() : Failed("sync", path_);
  }

  absl::StatusOr<int64_t> Size() override {
    struct stat info {};
    if (fstat(fd_, &info) != 0) return Failed("stat", path_);
    return info.st_size;
  }

 private:
  const int fd_;
  const std::string path_;
};

// Sorted names of an open folder, whose descriptor it takes over.
absl::StatusOr<std::vector<std::string>> NamesIn(int fd, const std::string& path) {
  DIR* dir = fdopendir(fd);
  if (dir == nullptr) {
    absl::Status status = Failed("list", path);
    close(fd);
    return status;
  }
  auto close_dir = absl::MakeCleanup([dir] { closedir(dir); });
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return Failed("list", path);
  std::sort(names.begin(), names.end());
  return names;
}

// Removes `name` of the folder `parent` and all below it, through descriptors, so that a link put
// there meanwhile is removed and not followed.
absl::Status RemoveTreeAt(int parent, const std::string& name) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
  if (errno != EISDIR && errno != EPERM) return Failed("remove", name);
  const int fd = Retrying([&] {
    return openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  });
  if (fd < 0) return errno == ENOENT ? absl::OkStatus() : Failed("remove", name);
  const int for_listing = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (for_listing < 0) return Failed("remove", name);
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> children, NamesIn(for_listing, name));
  for (const std::string& child : children) ATTUNE_RETURN_IF_ERROR(RemoveTreeAt(fd, child));
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  return Failed("remove", name);
}

class Posix final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, Mode mode,
                                             int permissions) override {
    const int fd =
        Retrying([&] { return open(path.c_str(), OpenFlags(mode) | O_CLOEXEC, permissions); });
    if (fd < 0) return Failed("open", path);
    return std::make_unique<PosixFile>(fd, path);
  }

  absl::Status MakeDirs(const std::string& path, int permissions) override {
    for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string dir = path.substr(0, end);
      if (mkdir(dir.c_str(), static_cast<mode_t>(permissions)) != 0 && errno != EEXIST) {
        return Failed("create folder", dir);
      }
      if (end == std::string::npos) break;
    }
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return Failed("create folder", path);
    if (S_ISDIR(info.st_mode)) return absl::OkStatus();
    return ErrnoStatus(ENOTDIR, absl::StrCat("create folder '", BaseName(path), "'"));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    return rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : Failed("rename to", to);
  }

  absl::Status Link(const std::string& from, const std::string& to) override {
    return link(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : Failed("link", to);
  }

  absl::Status Remove(const std::string& path) override {
    return std::remove(path.c_str()) == 0 ? absl::OkStatus() : Failed("remove", path);
  }

  absl::Status RemoveTree(const std::string& path) override { return RemoveTreeAt(AT_FDCWD, path); }

  absl::Status SyncDir(const std::string& path) override {
    const int fd = Retrying([&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return Failed("open folder", path);
    const absl::Status status = fsync(fd) == 0 ? absl::OkStatus() : Failed("sync folder", path);
    close(fd);
    return status;
  }

  bool Exists(const std::string& path) override {
    struct stat info {};
    return stat(path.c_str(), &info) == 0;
  }

  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return Failed("stat", path);
    return info.st_size;
  }

  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    struct statvfs info {};
    if (statvfs(path.c_str(), &info) != 0) return Failed("free space of", path);
    return static_cast<int64_t>(info.f_bavail * info.f_frsize);
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    const int fd = Retrying([&] { return open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return Failed("list", dir);
    return NamesIn(fd, dir);
  }
};

// Unique among all that write into one folder: this process's number and a counter.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return absl::StrCat(path, ".tmp-", getpid(), "-", counter.fetch_add(1));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<std::string> FileSystem::ReadFile(const std::string& path, int64_t limit) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, Open(path, Mode::kRead));
  constexpr size_t kChunkBytes = 64 << 10;
  std::string data;
  // To the end rather than to Size(): files in /proc have none.
  while (true) {
    const size_t start = data.size();
    data.resize(start + kChunkBytes);
    ATTUNE_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(static_cast<int64_t>(start),
                                                           data.data() + start, kChunkBytes));
    data.resize(start + got);
    if (got == 0) return data;
    if (static_cast<int64_t>(data.size()) > limit) {
      return absl::ResourceExhaustedError(
          absl::StrCat("'", BaseName(path), "' is larger than ", limit, " bytes"));
    }
  }
}

absl::Status FileSystem::WriteFileAtomically(const std::string& path, std::string_view data,
                                             int permissions) {
  const std::string temporary = TemporaryName(path);
  auto remove = absl::MakeCleanup([&] { Remove(temporary).IgnoreError(); });
  {
    // Truncating: what a crashed process of the same number left there is of no use.
    ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                            Open(temporary, Mode::kTruncate, permissions));
    ATTUNE_RETURN_IF_ERROR(file->Append(data));
    ATTUNE_RETURN_IF_ERROR(file->Sync());
  }
  ATTUNE_RETURN_IF_ERROR(Rename(temporary, path));
  std::move(remove).Cancel();
  return SyncDir(FolderOf(path));
}

FileSystem& PosixFileSystem() {
  static Posix& files = *new Posix;  // never destroyed: destructors of other statics may use it
  return files;
}

namespace {
struct flock WholeFileLock() {
  struct flock lock {};  // l_start = l_len = 0: the whole file
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}
}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(const std::string& path) {
  const int fd = Retrying([&] { return open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
  if (fd < 0) return Failed("open", path);
  auto lock_file = std::unique_ptr<FileLock>(new FileLock(fd));
  struct flock lock = WholeFileLock();
  if (Retrying([&] { return fcntl(fd, F_OFD_SETLK, &lock); }) == 0) {
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", getpid()) < 0) return Failed("write", path);
    return lock_file;
  }
  if (errno != EAGAIN && errno != EACCES) return Failed("lock", path);
  return absl::FailedPreconditionError(
      absl::StrCat("'", BaseName(path),
                   "' is locked: another process uses this folder. Stop it, "
                   "or choose another folder"));
}

pid_t FileLock::Holder(const std::string& path) {
  const int fd = Retrying([&] { return open(path.c_str(), O_RDWR | O_CLOEXEC); });
  if (fd < 0) return 0;
  const FileLock closer(fd);
  struct flock lock = WholeFileLock();
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  char text[16] = {};
  int pid = 0;
  if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || sscanf(text, "%d", &pid) != 1) return 0;
  return pid;
}

FileLock::~FileLock() { close(fd_); }

std::string JoinPath(std::string_view dir, std::string_view name) {
  while (!name.empty() && name.front() == '/') name.remove_prefix(1);
  while (dir.size() > 1 && dir.back() == '/') dir.remove_suffix(1);
  std::string path(dir);
  if (!path.empty() && path.back() != '/' && !name.empty()) path += '/';
  return path.append(name);
}

}  // namespace attune
