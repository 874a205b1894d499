// SPDX-License-Identifier: Apache-2.0
#include "formats/files/regular_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class RegularFileTest : public ::testing::Test {
 protected:
  absl::StatusCode OpenCode(std::string_view name) {
    return RegularFile::OpenIn(folder_.path(), name).status().code();
  }
  TempFolder folder_;
};

TEST_F(RegularFileTest, ReadsWhatIsThere) {
  folder_.Write("a.txt", "hello");
  const auto file = RegularFile::OpenIn(folder_.path(), "a.txt");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->size(), 5);
  EXPECT_EQ(*file->ReadAll(5), "hello");
  EXPECT_EQ(file->ReadAll(4).status().code(), absl::StatusCode::kInvalidArgument);
  char two[2];
  ASSERT_TRUE(file->ReadExactly(3, absl::MakeSpan(two)).ok());
  EXPECT_EQ(std::string(two, 2), "lo");
  EXPECT_EQ(file->ReadExactly(4, absl::MakeSpan(two)).code(), absl::StatusCode::kDataLoss);
}

TEST_F(RegularFileTest, NoticesAFileThatShrinks) {
  const std::string path = folder_.Write("a.txt", "hello");
  const auto file = RegularFile::Open(path);
  ASSERT_EQ(truncate(path.c_str(), 2), 0);
  EXPECT_EQ(file->ReadAll(100).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(RegularFileTest, RefusesLinksPipesAndFolders) {
  const std::string target = folder_.Write("target", "x");
  ASSERT_EQ(symlink(target.c_str(), folder_.Path("link").c_str()), 0);
  ASSERT_EQ(mkfifo(folder_.Path("pipe").c_str(), 0600), 0);
  ASSERT_EQ(mkdir(folder_.Path("dir").c_str(), 0700), 0);
  for (const char* name : {"link", "pipe", "dir"}) {
    EXPECT_EQ(OpenCode(name), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(RegularFile::Open(folder_.Path(name)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(RegularFileTest, RefusesNamesThatLeaveTheFolder) {
  for (const std::string& name :
       {std::string(".."), std::string("."), std::string(""), std::string("../x"),
        std::string("/etc/passwd"), std::string("a/b"), std::string("..\\x"), std::string(300, 'n'),
        std::string("a\0b", 3)}) {
    EXPECT_EQ(OpenCode(name), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(OpenCode("%2e%2e%2fx"), absl::StatusCode::kNotFound);
}

TEST_F(RegularFileTest, ErrorsDoNotTellThePath) {
  const absl::Status missing = RegularFile::Open(folder_.Path("missing")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), Not(HasSubstr(folder_.path())));
}

TEST_F(RegularFileTest, ListsAFolderWithKindsUpToALimit) {
  folder_.Write("b", "");
  folder_.Write("a", "");
  ASSERT_EQ(symlink("a", folder_.Path("c").c_str()), 0);
  const auto entries = ListFolder(folder_.path(), 3);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[1].kind, FolderEntry::Kind::kFile);
  EXPECT_EQ((*entries)[2].kind, FolderEntry::Kind::kOther);
  EXPECT_EQ(ListFolder(folder_.path(), 2).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace attune
