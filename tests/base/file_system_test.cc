// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Mode = FileSystem::Mode;

class FileSystemTest : public ::testing::Test {
 protected:
  absl::Status Put(const std::string& name, std::string_view data) {
    return files_.WriteFileAtomically(dir_.Path(name), data);
  }
  std::string Get(const std::string& name) {
    const auto data = files_.ReadFile(dir_.Path(name));
    return data.ok() ? *data : std::string(data.status().ToString());
  }
  int PermissionsOf(const std::string& name) {
    struct stat info {};
    EXPECT_EQ(stat(dir_.Path(name).c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  TempDir dir_;
  FileSystem& files_ = PosixFileSystem();
};

TEST_F(FileSystemTest, ReadsBackWhatWasAppended) {
  {
    auto file = files_.Open(dir_.Path("f"), Mode::kCreate);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("hello ").ok());
    ASSERT_TRUE((*file)->Append("world").ok());
    ASSERT_TRUE((*file)->Sync().ok());
    EXPECT_EQ(*(*file)->Size(), 11);
  }
  auto file = files_.Open(dir_.Path("f"), Mode::kRead);
  ASSERT_TRUE(file.ok());
  char buffer[16];
  EXPECT_EQ(*(*file)->ReadAt(6, buffer, sizeof(buffer)), 5u);
  EXPECT_EQ(std::string(buffer, 5), "world");
  EXPECT_EQ(*(*file)->ReadAt(11, buffer, sizeof(buffer)), 0u);
}

TEST_F(FileSystemTest, CreateFailsOnAnExistingFileAndAppendKeepsIt) {
  ASSERT_TRUE(Put("f", "old").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(files_.Open(dir_.Path("f"), Mode::kCreate).status()));
  ASSERT_TRUE((*files_.Open(dir_.Path("f"), Mode::kAppend))->Append("+new").ok());
  EXPECT_EQ(Get("f"), "old+new");
  ASSERT_TRUE((*files_.Open(dir_.Path("f"), Mode::kTruncate))->Append("only").ok());
  EXPECT_EQ(Get("f"), "only");
}

TEST_F(FileSystemTest, OpensFilesPrivateAndCloseOnExec) {
  const int next_fd = dup(0);  // the lowest free number, which the file will get
  close(next_fd);
  auto file = files_.Open(dir_.Path("f"), Mode::kAppend);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(fcntl(next_fd, F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(PermissionsOf("f"), 0600);
}

TEST_F(FileSystemTest, ErrorsNameTheFileButNotItsFolder) {
  const absl::Status status = files_.Open(dir_.Path("absent.txt"), Mode::kRead).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "open 'absent.txt': No such file or directory");
  EXPECT_THAT(files_.RemoveTree(dir_.Path("f") + "/x").ToString(), Not(HasSubstr(dir_.path())));
}

TEST_F(FileSystemTest, AFullDiskIsResourceExhausted) {
  auto file = files_.Open("/dev/full", Mode::kAppend);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(absl::IsResourceExhausted((*file)->Append("x")));
}

TEST_F(FileSystemTest, WriteFileAtomicallyReplacesAndLeavesNoTemporary) {
  ASSERT_TRUE(Put("f", "one").ok());
  ASSERT_TRUE(Put("f", "two").ok());
  EXPECT_EQ(Get("f"), "two");
  EXPECT_THAT(*files_.List(dir_.path()), ElementsAre("f"));
  ASSERT_TRUE(files_.WriteFileAtomically(dir_.Path("g"), "", 0640).ok());
  EXPECT_EQ(PermissionsOf("g"), 0640);
}

TEST_F(FileSystemTest, AFailedWriteLeavesTheOldFileAndNoTemporary) {
  ASSERT_TRUE(files_.MakeDirs(dir_.Path("folder/child")).ok());
  EXPECT_FALSE(Put("folder", "a file cannot replace a folder").ok());
  EXPECT_THAT(*files_.List(dir_.path()), ElementsAre("folder"));
}

TEST_F(FileSystemTest, ReadFileStopsAtItsLimit) {
  ASSERT_TRUE(Put("f", std::string(100'000, 'x')).ok());
  EXPECT_EQ(files_.ReadFile(dir_.Path("f"), 100'000)->size(), 100'000u);
  const absl::Status status = files_.ReadFile(dir_.Path("f"), 99'999).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "'f' is larger than 99999 bytes");
}

TEST_F(FileSystemTest, ReadsFilesThatReportNoSize) {
  const auto data = files_.ReadFile("/proc/self/status");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(*data, HasSubstr("VmRSS"));
}

TEST_F(FileSystemTest, MakeDirsMakesAllLevelsAndRefusesAFileInTheWay) {
  ASSERT_TRUE(files_.MakeDirs(dir_.Path("a/b/c")).ok());
  ASSERT_TRUE(files_.MakeDirs(dir_.Path("a/b/c")).ok());
  EXPECT_EQ(PermissionsOf("a/b"), 0700);
  ASSERT_TRUE(Put("file", "").ok());
  EXPECT_FALSE(files_.MakeDirs(dir_.Path("file")).ok());
  EXPECT_FALSE(files_.MakeDirs(dir_.Path("file/below")).ok());
}

TEST_F(FileSystemTest, LinkRefusesAnExistingName) {
  ASSERT_TRUE(Put("a", "x").ok());
  EXPECT_TRUE(files_.Link(dir_.Path("a"), dir_.Path("b")).ok());
  EXPECT_EQ(Get("b"), "x");
  EXPECT_TRUE(absl::IsAlreadyExists(files_.Link(dir_.Path("a"), dir_.Path("b"))));
}

TEST_F(FileSystemTest, RenameReplacesAndRemoveSaysWhatIsAbsent) {
  ASSERT_TRUE(Put("a", "x").ok());
  ASSERT_TRUE(files_.Rename(dir_.Path("a"), dir_.Path("b")).ok());
  EXPECT_FALSE(files_.Exists(dir_.Path("a")));
  EXPECT_EQ(*files_.FileSize(dir_.Path("b")), 1);
  EXPECT_TRUE(files_.SyncDir(dir_.path()).ok());
  EXPECT_TRUE(files_.Remove(dir_.Path("b")).ok());
  EXPECT_TRUE(absl::IsNotFound(files_.Remove(dir_.Path("b"))));
}

TEST_F(FileSystemTest, RemoveTreeFollowsNoLink) {
  ASSERT_TRUE(files_.MakeDirs(dir_.Path("keep")).ok());
  ASSERT_TRUE(Put("keep/precious", "x").ok());
  ASSERT_TRUE(files_.MakeDirs(dir_.Path("tree/deep/er")).ok());
  ASSERT_TRUE(Put("tree/deep/er/f", "x").ok());
  ASSERT_EQ(symlink(dir_.Path("keep").c_str(), dir_.Path("tree/link").c_str()), 0);
  EXPECT_TRUE(files_.RemoveTree(dir_.Path("tree")).ok());
  EXPECT_FALSE(files_.Exists(dir_.Path("tree")));
  EXPECT_EQ(Get("keep/precious"), "x");
  EXPECT_TRUE(files_.RemoveTree(dir_.Path("tree")).ok());
}

TEST_F(FileSystemTest, ListSortsNamesAndKnowsFreeSpace) {
  ASSERT_TRUE(Put("b", "").ok());
  ASSERT_TRUE(Put("a", "").ok());
  ASSERT_TRUE(files_.MakeDirs(dir_.Path("c")).ok());
  EXPECT_THAT(*files_.List(dir_.path()), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(absl::IsNotFound(files_.List(dir_.Path("absent")).status()));
  EXPECT_GT(*files_.FreeBytes(dir_.path()), 0);
}

TEST_F(FileSystemTest, ALockIsHeldOnceAndFreedWithItsOwner) {
  const std::string path = dir_.Path("lock");
  auto lock = FileLock::Acquire(path);
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_EQ(PermissionsOf("lock"), 0600);
  EXPECT_EQ(FileLock::Holder(path), getpid());
  const absl::Status second = FileLock::Acquire(path).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  lock->reset();
  EXPECT_TRUE(FileLock::Acquire(path).ok());
  EXPECT_EQ(FileLock::Holder(path), 0);
}

TEST(JoinPath, PutsOneSlashBetween) {
  EXPECT_EQ(JoinPath("/a", "b"), "/a/b");
  EXPECT_EQ(JoinPath("/a/", "/b"), "/a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(JoinPath("/a", ""), "/a");
}

}  // namespace
}  // namespace attune
