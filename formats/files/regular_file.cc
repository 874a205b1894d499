// SPDX-License-Identifier: Apache-2.0
#include "formats/files/regular_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

absl::Status NotRegular(std::string_view name) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   absl::StrCat("'", Printable(name, 255),
                                "' is no regular file; links, folders, pipes and devices are not "
                                "read: put the file itself there"));
}

std::string_view LastComponent(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// The size of the regular file behind `fd`, or why it is none.
absl::StatusOr<int64_t> CheckRegular(int fd, std::string_view name) {
  if (fd < 0 && (errno == ELOOP || errno == ENXIO)) return NotRegular(name);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("open '", Printable(name, 255), "'"));
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  if (!S_ISREG(info.st_mode)) return NotRegular(name);
  return info.st_size;
}

}  // namespace

absl::StatusOr<RegularFile> RegularFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), kFlags);
  RegularFile file(fd, 0);
  ATTUNE_ASSIGN_OR_RETURN(file.size_, CheckRegular(fd, LastComponent(path)));
  return file;
}

absl::StatusOr<RegularFile> RegularFile::OpenIn(const std::string& dir, std::string_view name) {
  const bool plain = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
  if (!plain) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     absl::StrCat("'", Printable(name, 80),
                                  "' is no plain file name; use a name without folders"));
  }
  const int folder = open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return ErrnoStatus(errno, "open folder");
  const int fd = openat(folder, std::string(name).c_str(), kFlags);
  const int error = errno;
  close(folder);
  errno = error;
  RegularFile file(fd, 0);
  ATTUNE_ASSIGN_OR_RETURN(file.size_, CheckRegular(fd, name));
  return file;
}

RegularFile::~RegularFile() {
  if (fd_ >= 0) close(fd_);
}

RegularFile& RegularFile::operator=(RegularFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

absl::StatusOr<size_t> RegularFile::ReadSome(int64_t offset, absl::Span<char> out) const {
  while (true) {
    const ssize_t got = pread(fd_, out.data(), out.size(), offset);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return ErrnoStatus(errno, "read");
  }
}

absl::Status RegularFile::ReadExactly(int64_t offset, absl::Span<char> out) const {
  size_t done = 0;
  while (done < out.size()) {
    ATTUNE_ASSIGN_OR_RETURN(const size_t got,
                            ReadSome(offset + static_cast<int64_t>(done), out.subspan(done)));
    if (got == 0) return absl::DataLossError("the file became shorter while it was read");
    done += got;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RegularFile::ReadAll(int64_t limit) const {
  if (size_ > limit) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     absl::StrCat("the file has ", size_, " bytes; at most ", limit,
                                  " are read: use a smaller file"));
  }
  std::string data(static_cast<size_t>(size_), '\0');
  ATTUNE_RETURN_IF_ERROR(ReadExactly(0, absl::MakeSpan(data)));
  return data;
}

absl::StatusOr<std::vector<FolderEntry>> ListFolder(const std::string& dir, size_t limit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(dir.c_str()), closedir);
  if (folder == nullptr) return ErrnoStatus(errno, "open folder");
  std::vector<FolderEntry> entries;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries.size() == limit) {
      return MakeError(absl::StatusCode::kResourceExhausted, "INVALID_FIELD",
                       absl::StrCat("the folder has more than ", limit,
                                    " entries; leave only the model's files in it"));
    }
    struct stat info = {};
    if (fstatat(dirfd(folder.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, "fstatat");
    }
    using Kind = FolderEntry::Kind;
    const Kind kind = S_ISREG(info.st_mode)   ? Kind::kFile
                      : S_ISDIR(info.st_mode) ? Kind::kFolder
                                              : Kind::kOther;
    entries.push_back({std::string(name), kind});
  }
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

}  // namespace attune
