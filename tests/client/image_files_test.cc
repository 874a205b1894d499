// SPDX-License-Identifier: Apache-2.0
#include "client/image_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImageFilesTest : public ::testing::Test {
 protected:
  absl::StatusOr<ImageFiles> Find() { return FindImageFiles(folder_.Path("x-rays")); }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto found = Find();
    EXPECT_TRUE(found.ok()) << found.status();
    for (const TarMember& member : found->members) names.push_back(member.name);
    return names;
  }
  std::string Refusal() {
    const absl::Status status = Find().status();
    EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kLocalInput));
    return std::string(status.message());
  }
  Folder folder_;
};

TEST_F(ImageFilesTest, TakesImagesInTheOrderOfTheirNamesAndNotesTheRest) {
  for (const char* name : {"normal/b.PNG", "normal/a.jpeg", "Pneumonia/deep/1.jpg", "notes.txt",
                           "normal/Thumbs.db", ".git/1.png", "normal/.hidden.png"}) {
    folder_.Write(std::string("x-rays/") + name, "12345");
  }
  EXPECT_THAT(Names(), ElementsAre("Pneumonia/deep/1.jpg", "normal/a.jpeg", "normal/b.PNG"));
  const auto found = Find();
  EXPECT_EQ(found->members[0].size_bytes, 5);
  EXPECT_THAT(found->notes, ElementsAre("left out 2 files that are no JPEG or PNG by name, such as "
                                        "normal/Thumbs.db"));
}

TEST_F(ImageFilesTest, TakesMetadataAtTheTopAlone) {
  folder_.Write("x-rays/1.png", "");
  folder_.Write("x-rays/metadata.jsonl", "{}");
  EXPECT_THAT(Names(), ElementsAre("1.png", "metadata.jsonl"));
  EXPECT_THAT(Find()->notes, IsEmpty());
  folder_.Write("x-rays/sub/metadata.jsonl", "{}");
  EXPECT_THAT(Names(), ElementsAre("1.png", "metadata.jsonl"));
}

TEST_F(ImageFilesTest, AFolderWithoutImagesIsNone) {
  EXPECT_THAT(Refusal(), HasSubstr("x-rays is not a folder"));
  folder_.Write("x-rays/metadata.jsonl", "{}");
  EXPECT_THAT(Refusal(), HasSubstr("has no .jpg, .jpeg or .png file"));
}

TEST_F(ImageFilesTest, LinksStayInTheFolder) {
  folder_.Write("x-rays/a/1.png", "one");
  std::filesystem::create_symlink("1.png", folder_.Path("x-rays/a/2.png"));
  // A folder's link could go around in circles: it is no image, and is left out.
  std::filesystem::create_directory_symlink("..", folder_.Path("x-rays/a/up"));
  EXPECT_THAT(Names(), ElementsAre("a/1.png", "a/2.png"));
  EXPECT_EQ(Find()->members[1].size_bytes, 3);
  folder_.Write("secret.png", "no");
  std::filesystem::create_symlink("../../secret.png", folder_.Path("x-rays/a/3.png"));
  EXPECT_THAT(Refusal(), HasSubstr("a/3.png is a link that leads out of the folder"));
}

}  // namespace
}  // namespace attune
