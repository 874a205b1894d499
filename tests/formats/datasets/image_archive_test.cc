// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/image_archive.h"

#include "formats/images/decode.h"
#include "gmock/gmock.h"
#include "tests/formats/tar_file.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageArchiveTest : public ::testing::Test {
 protected:
  DatasetSpec Spec(const TarFile& tar, const std::string& kind = "single") {
    DatasetSpec spec;
    spec.path = folder_.Write(std::to_string(++files_), tar.Finished());
    spec.format = "images";
    spec.label_column = "label";
    spec.label_kind = kind;
    return spec;
  }
  std::unique_ptr<ImageArchive> Open(const DatasetSpec& spec) {
    problems_ = Problems();
    auto archive = ImageArchive::Open(spec, problems_);
    EXPECT_TRUE(archive.ok()) << archive.status();
    return archive.ok() ? *std::move(archive) : nullptr;
  }
  // "NAME=LABEL|LABEL" of each image.
  std::vector<std::string> Labels(const DatasetSpec& spec) {
    std::vector<std::string> labels;
    const std::unique_ptr<ImageArchive> archive = Open(spec);
    for (const LabelledImage& image : archive->images()) {
      std::string text = image.name + "=";
      for (const std::string& label : image.example.labels) text += label + "|";
      text.pop_back();
      labels.push_back(text);
    }
    return labels;
  }
  std::string FirstProblem(const DatasetSpec& spec) {
    Open(spec);
    return problems_.empty() ? "" : ToText(problems_.first()[0]);
  }
  TempFolder folder_;
  Problems problems_;
  int files_ = 0;
};

TEST_F(ImageArchiveTest, TakesTheFirstFolderForTheClass) {
  const DatasetSpec spec =
      Spec(TarFile().Add("dog/2.PNG", "d2").Add("cat/deep/1.jpeg", "c1").Add("dog/10.jpg", "d10"));
  EXPECT_THAT(Labels(spec), ElementsAre("cat/deep/1.jpeg=cat", "dog/10.jpg=dog", "dog/2.PNG=dog"));
  EXPECT_TRUE(problems_.empty());
  const auto archive = Open(spec);
  EXPECT_EQ(*archive->Read(archive->images()[1]), "d10");
  EXPECT_EQ(archive->images()[1].example.line, 2);
}

TEST_F(ImageArchiveTest, DoesNotCountAFolderThatHoldsAll) {
  const TarFile tar = TarFile().Add("./set/cat/1.png", "c").Add("./set/dog/1.png", "d");
  EXPECT_THAT(Labels(Spec(tar)), ElementsAre("set/cat/1.png=cat", "set/dog/1.png=dog"));
  EXPECT_THAT(Labels(Spec(TarFile().Add("cat/1.png", "c").Add("cat/2.png", "d"))),
              ElementsAre("cat/1.png=cat", "cat/2.png=cat"));
}

TEST_F(ImageArchiveTest, DoesNotDependOnTheOrderOfTheTar) {
  const TarFile a = TarFile().Add("x/1.png", "1").Add("y/2.png", "2");
  const TarFile b = TarFile().Add("y/2.png", "2").Add("x/1.png", "1");
  EXPECT_EQ(Labels(Spec(a)), Labels(Spec(b)));
}

TEST_F(ImageArchiveTest, CountsWhatItIgnores) {
  const auto archive = Open(Spec(TarFile()
                                     .Add("cat/1.png", "c")
                                     .Add("dog/1.png", "d")
                                     .Add("README.txt", "r")
                                     .Add("cat/._1.png", "apple")
                                     .Add(".hidden/2.png", "h")));
  EXPECT_EQ(archive->images().size(), 2u);
  EXPECT_EQ(archive->ignored_members(), 3);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ImageArchiveTest, RefusesAnImageInNoFolder) {
  EXPECT_EQ(FirstProblem(Spec(TarFile().Add("cat/1.png", "c").Add("loose.png", "l"))),
            "loose.png: the image lies in no folder, so it has no class. Put each image into a "
            "folder that is named as its class, or add a metadata.jsonl.");
}

TEST_F(ImageArchiveTest, NamesClassesAsAsked) {
  DatasetSpec spec = Spec(TarFile().Add("0/1.png", "a").Add("1/1.png", "b").Add("2/1.png", "c"));
  spec.label_names = {{"0", "normal"}, {"1", "pneumonia"}};
  EXPECT_THAT(Labels(spec), ElementsAre("0/1.png=normal", "1/1.png=pneumonia"));
  EXPECT_THAT(FirstProblem(spec),
              HasSubstr("2/1.png: label '2' is not in label_names, which has: 0, 1"));
}

TEST_F(ImageArchiveTest, ReadsLabelsFromMetadata) {
  const std::string lines =
      "\xEF\xBB\xBF{\"file_name\": \"b.png\", \"label\": \"dog\", \"more\": 1}\n\n"
      "{\"file_name\": \"./in/a.png\", \"label\": 3}\n";
  const TarFile tar = TarFile().Add("in/a.png", "a").Add("metadata.jsonl", lines).Add("b.png", "b");
  EXPECT_THAT(Labels(Spec(tar)), ElementsAre("b.png=dog", "in/a.png=3"));
  EXPECT_TRUE(problems_.empty());
  const TarFile below =
      TarFile().Add("set/in/a.png", "a").Add("set/metadata.jsonl", lines).Add("set/b.png", "b");
  EXPECT_THAT(Labels(Spec(below)), ElementsAre("set/b.png=dog", "set/in/a.png=3"));
  EXPECT_EQ(Open(Spec(below))->ignored_members(), 0);
}

TEST_F(ImageArchiveTest, ReadsOtherKindsOfLabelsFromMetadata) {
  const auto tar = [](const std::string& label) {
    return TarFile()
        .Add("a.png", "a")
        .Add("metadata.jsonl", "{\"file_name\": \"a.png\", \"label\": " + label + "}");
  };
  EXPECT_THAT(Labels(Spec(tar("[\"x\", \"y\"]"), "multi")), ElementsAre("a.png=x|y"));
  EXPECT_EQ(Open(Spec(tar("2.5"), "number"))->images()[0].example.target, 2.5);
  EXPECT_THAT(FirstProblem(Spec(tar("[\"x\"]"))), HasSubstr("metadata.jsonl:1:1: field 'label'"));
}

TEST_F(ImageArchiveTest, WantsOneLineForEachImageAndOneImageForEachLine) {
  const std::string lines =
      "{\"file_name\": \"a.png\", \"label\": \"x\"}\n"
      "{\"file_name\": \"gone.png\", \"label\": \"y\"}\n"
      "{\"file_name\": \"a.png\", \"label\": \"y\"}\n";
  Open(Spec(TarFile().Add("a.png", "a").Add("b.png", "b").Add("metadata.jsonl", lines)));
  ASSERT_EQ(problems_.count(), 3);
  EXPECT_EQ(ToText(problems_.first()[0]),
            "b.png: no line of metadata.jsonl is about this image. Add one, or leave the image out "
            "of the archive.");
  EXPECT_THAT(ToText(problems_.first()[1]),
              HasSubstr("metadata.jsonl:3:1: a second line about 'a.png'; the first is line 1"));
  EXPECT_THAT(ToText(problems_.first()[2]),
              HasSubstr("metadata.jsonl:2:1: the archive has no image 'gone.png'"));
}

TEST_F(ImageArchiveTest, SaysOfABrokenLineOnlyThatItIsBroken) {
  const std::string lines =
      "{\"file_name\": \"a.png\", \"label\": \"x\"}\n{\"file_name\": \"b.png\"";
  Open(Spec(TarFile().Add("a.png", "a").Add("b.png", "b").Add("metadata.jsonl", lines)));
  ASSERT_EQ(problems_.count(), 1);
  EXPECT_THAT(ToText(problems_.first()[0]), HasSubstr("metadata.jsonl:2:"));
}

TEST_F(ImageArchiveTest, NeedsMetadataForWhatAFolderCannotSay) {
  const TarFile tar = TarFile().Add("cat/1.png", "c");
  EXPECT_THAT(FirstProblem(Spec(tar, "number")), HasSubstr("label kind number needs a metadata"));
  EXPECT_THAT(FirstProblem(Spec(tar, "text")), HasSubstr("label kind text is the translation of"));
  DatasetSpec spec = Spec(TarFile().Add("1.png", "c").Add("metadata.jsonl", "{}"));
  spec.label_column = "";
  EXPECT_THAT(FirstProblem(spec), HasSubstr("no label column names its label's key"));
}

TEST_F(ImageArchiveTest, ReadsNoLabelsWhereNoneAreAskedFor) {
  DatasetSpec spec =
      Spec(TarFile().Add("1.png", "c").Add("metadata.jsonl", "no JSON").Add("x/2.png", ""), "none");
  spec.label_column = "";
  EXPECT_EQ(Open(spec)->images().size(), 2u);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ImageArchiveTest, RefusesAnArchiveWithoutImages) {
  EXPECT_EQ(FirstProblem(Spec(TarFile().Add("a.txt", "a").Add("b.gif", "b"))),
            "0 images: no member's name ends in .jpg, .jpeg or .png; 2 others were ignored. Add "
            "images, each in a folder that is named as its class.");
}

TEST_F(ImageArchiveTest, RefusesAFileOfTooManyBytes) {
  const std::string large(static_cast<size_t>(kMaxImageBytes) + 1, 'x');
  const DatasetSpec spec = Spec(TarFile().Add("a/1.png", large).Add("b/1.png", "x"));
  EXPECT_EQ(Open(spec)->images().size(), 1u);
  EXPECT_THAT(FirstProblem(spec), HasSubstr("a/1.png: the file has 20971521 bytes; at most"));
}

TEST_F(ImageArchiveTest, RefusesASpecThatMakesNoSense) {
  DatasetSpec spec = Spec(TarFile().Add("a/1.png", "x"));
  spec.text_columns = {"text"};
  EXPECT_THAT(std::string(ImageArchive::Open(spec).status().message()),
              HasSubstr("text_columns: must be empty: images have no text"));
  spec.path = folder_.Path("absent");
  spec.text_columns = {};
  EXPECT_EQ(ImageArchive::Open(spec).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ImageArchiveTest, TellsAllProblemsAsOneStatus) {
  const absl::Status status =
      ImageArchive::Open(Spec(TarFile().Add("1.png", "c").Add("2.png", "c"))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the dataset is not usable (2 problems)"));
}

TEST(ImageDigest, NamesTheBytes) {
  EXPECT_EQ(ImageDigest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace attune
