// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/folder_files.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ModelFileNames, AreThoseOfRegularFiles) {
  TempFolder folder;
  folder.Write("weights", "w");
  folder.Write("config.json", "{}");
  std::filesystem::create_directory(folder.Path("folder"));
  Problems problems;
  EXPECT_THAT(ModelFileNames(folder.path(), "", problems), ElementsAre("config.json", "weights"));
  EXPECT_TRUE(problems.empty());
  std::filesystem::create_symlink("weights", folder.Path("link"));
  EXPECT_THAT(ModelFileNames(folder.path(), "", problems), ElementsAre("config.json", "weights"));
  ASSERT_EQ(problems.count(), 1);
  EXPECT_THAT(ToText(problems.first()[0]), HasSubstr("link: a link, pipe, socket or device"));
}

TEST(ModelFileNames, OfAFolderThatIsNotThereAreAProblem) {
  TempFolder folder;
  Problems problems;
  EXPECT_THAT(ModelFileNames(folder.Path("none"), "Hand in a folder.", problems), IsEmpty());
  ASSERT_EQ(problems.count(), 1);
  EXPECT_EQ(problems.first()[0].remedy, "Hand in a folder.");
}

TEST(ReadModelFile, ReadsUpToALimit) {
  TempFolder folder;
  folder.Write("config.json", "{}");
  EXPECT_EQ(*ReadModelFile(folder.path(), "config.json", 2), "{}");
  EXPECT_FALSE(ReadModelFile(folder.path(), "config.json", 1).ok());
  EXPECT_TRUE(absl::IsNotFound(ReadModelFile(folder.path(), "other", 2).status()));
}

}  // namespace
}  // namespace attune
