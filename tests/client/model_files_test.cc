// SPDX-License-Identifier: Apache-2.0
#include "client/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ModelFilesTest : public ::testing::Test {
 protected:
  absl::StatusOr<ModelFiles> Find() { return FindModelFiles(folder_.Path("model")); }
  void WriteModel() {
    folder_.Write("model/config.json", "{}");
    folder_.Write("model/model.safetensors", "w");
  }
  std::string Refusal() {
    const absl::Status status = Find().status();
    EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kLocalInput));
    return std::string(status.message());
  }
  Folder folder_;
};

TEST_F(ModelFilesTest, TakesWhatMattersAndNotesTheWeightsItLeavesOut) {
  WriteModel();
  for (const char* name : {"tokenizer.json", "vocab.txt", "README.md", "pytorch_model.bin",
                           "train_script.py", "onnx/model.onnx", ".git/x"}) {
    folder_.Write(std::string("model/") + name, "x");
  }
  const auto found = Find();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->paths, ElementsAre("README.md", "config.json", "model.safetensors",
                                        "tokenizer.json", "vocab.txt"));
  EXPECT_THAT(found->notes, ElementsAre(HasSubstr("pytorch_model.bin")));
}

TEST_F(ModelFilesTest, TakesTheModulesThatAreNamed) {
  WriteModel();
  folder_.Write("model/modules.json", R"([{"path":"","type":"models.Transformer"},
      {"path":"1_Pooling","type":"models.Pooling"},{"path":"2_Dense","type":"models.Dense"},
      {"path":"3_Normalize","type":"models.Normalize"},{"path":"../up","type":"models.Dense"}])");
  for (const char* name : {"1_Pooling/config.json", "2_Dense/config.json",
                           "2_Dense/model.safetensors", "2_Dense/notes.txt", "other/config.json"}) {
    folder_.Write(std::string("model/") + name, "x");
  }
  folder_.Write("up/config.json", "x");
  const auto found = Find();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->paths, ElementsAre("1_Pooling/config.json", "2_Dense/config.json",
                                        "2_Dense/model.safetensors", "config.json",
                                        "model.safetensors", "modules.json"));
}

TEST_F(ModelFilesTest, TakesATransformerInAFolderOfItsOwn) {
  folder_.Write("model/modules.json", R"([{"path":"0_Transformer","type":"models.Transformer"}])");
  folder_.Write("model/0_Transformer/model.safetensors", "w");
  folder_.Write("model/0_Transformer/vocab.txt", "a");
  EXPECT_THAT(Refusal(), HasSubstr("no 0_Transformer/config.json"));
  folder_.Write("model/0_Transformer/config.json", "{}");
  ASSERT_TRUE(Find().ok());
  EXPECT_THAT(Find()->paths,
              ElementsAre("0_Transformer/config.json", "0_Transformer/model.safetensors",
                          "0_Transformer/vocab.txt", "modules.json"));
}

TEST_F(ModelFilesTest, LeavesModulesThatMakeNoSenseToTheServer) {
  WriteModel();
  for (const char* modules : {"[", "{}", "[1]", R"([{"path":1,"type":2}])"}) {
    folder_.Write("model/modules.json", modules);
    ASSERT_TRUE(Find().ok()) << modules;
    EXPECT_EQ(Find()->paths.size(), 3u);
  }
}

TEST_F(ModelFilesTest, TakesShards) {
  folder_.Write("model/config.json", "{}");
  folder_.Write("model/model-00001-of-00002.safetensors", "a");
  folder_.Write("model/model-00002-of-00002.safetensors", "b");
  folder_.Write("model/model.safetensors.index.json", "{}");
  ASSERT_TRUE(Find().ok());
  EXPECT_EQ(Find()->paths.size(), 4u);
  EXPECT_THAT(Find()->notes, IsEmpty());
}

TEST_F(ModelFilesTest, RefusesPickledWeightsAlone) {
  folder_.Write("model/config.json", "{}");
  folder_.Write("model/pytorch_model.bin", "x");
  const std::string refusal = Refusal();
  EXPECT_THAT(refusal, HasSubstr("safetensors only"));
  EXPECT_THAT(refusal, HasSubstr("pytorch_model.bin"));
}

TEST_F(ModelFilesTest, RefusesAFolderWithoutConfiguration) {
  folder_.Write("model/model.safetensors", "w");
  EXPECT_THAT(Refusal(), HasSubstr("no config.json"));
}

TEST_F(ModelFilesTest, RefusesAFile) {
  folder_.Write("model", "x");
  EXPECT_THAT(Refusal(), HasSubstr("not a folder"));
}

TEST_F(ModelFilesTest, RefusesALinkOutOfTheFolderButTakesOneWithin) {
  WriteModel();
  folder_.Write("secret", "s");
  std::filesystem::create_symlink("model.safetensors", folder_.Path("model/other.safetensors"));
  EXPECT_TRUE(Find().ok());
  std::filesystem::create_symlink("../secret", folder_.Path("model/vocab.txt"));
  EXPECT_THAT(Refusal(), HasSubstr("vocab.txt is a link that leads out"));
}

TEST_F(ModelFilesTest, RefusesAPipe) {
  WriteModel();
  ASSERT_EQ(mkfifo(folder_.Path("model/vocab.txt").c_str(), 0600), 0);
  EXPECT_THAT(Refusal(), HasSubstr("not a regular file"));
}

const std::string kMarianBeginning("\1\0\0\0\0\0\0\0", 8);

TEST_F(ModelFilesTest, TakesAMarianFolderButNotItsShortlist) {
  folder_.Write("model/model.enpt.intgemm.alphas.bin", kMarianBeginning + "tensors");
  folder_.Write("model/vocab.enpt.spm", "v");
  folder_.Write("model/lex.50.50.enpt.s2t.bin", "\xF5\x17shortlist");
  folder_.Write("model/config.yml", "beam: 1");
  const auto found = Find();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->paths, ElementsAre("model.enpt.intgemm.alphas.bin", "vocab.enpt.spm"));
  EXPECT_THAT(found->notes, ElementsAre(HasSubstr("left out lex.50.50.enpt.s2t.bin")));
}

TEST_F(ModelFilesTest, TakesBothFormsOfATunedTranslationModel) {
  WriteModel();
  folder_.Write("model/model.bin", kMarianBeginning);
  folder_.Write("model/vocab.spm", "v");
  EXPECT_THAT(Find()->paths,
              ElementsAre("config.json", "model.bin", "model.safetensors", "vocab.spm"));
}

TEST_F(ModelFilesTest, RefusesHalfAMarianFolder) {
  folder_.Write("model/model.bin", kMarianBeginning);
  EXPECT_THAT(Refusal(), HasSubstr("has Marian's weights and no .spm vocabulary"));
  folder_.Write("model/model.bin", "PK\3\4 a pickle");
  EXPECT_THAT(Refusal(), HasSubstr("has no config.json"));
  folder_.Write("model/vocab.spm", "v");
  EXPECT_THAT(Refusal(), HasSubstr("a .spm vocabulary and no weights of Marian's"));
}

}  // namespace
}  // namespace attune
