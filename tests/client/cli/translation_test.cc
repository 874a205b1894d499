// SPDX-License-Identifier: Apache-2.0
// Texts and their translations: datasets of them, jobs on them and what a model makes of a text.
#include <gmock/gmock.h>

#include "tests/client/cli/cli_fixture.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TranslationTest : public CliTest {
 protected:
  TranslationTest() {
    v1::Dataset pairs;
    pairs.set_name("datasets/pairs");
    pairs.set_state(v1::Dataset::READY);
    pairs.mutable_columns()->set_label_kind(v1::LABEL_KIND_TEXT);
    server_.datasets.Put(pairs);
    v1::Model student;
    student.set_name("models/enpt");
    student.set_state(v1::Model::READY);
    student.set_model_type("marian_ssru");
    server_.models.Put(student);
  }
  v1::JobSpec LastSpec() { return server_.jobs.creates().back().job().spec(); }
  v1::FineTune LastTune() { return LastSpec().fine_tune(); }
  v1::TextColumns LastColumns() { return server_.datasets.last_created().columns(); }
};

TEST_F(TranslationTest, TwoAlignedFilesGoUpAsOneJsonl) {
  const std::string source = folder_.Write("train.en", "a cat\na dog\n");
  const std::string target = folder_.Write("train.pt", "um gato\num cachorro\n");
  ASSERT_EQ(Run({"datasets", "add", source, "--target", target}), 0) << err();
  const v1::Dataset added = server_.datasets.last_created();
  EXPECT_EQ(added.file().path(), "train.en.jsonl");
  EXPECT_EQ(added.columns().label_kind(), v1::LABEL_KIND_TEXT);
  EXPECT_TRUE(server_.blobs.Has(added.file().sha256()));
  EXPECT_THAT(out(), HasSubstr("datasets/train-en-"));
  folder_.Write("train.pt", "um gato\n");
  EXPECT_EQ(Run({"datasets", "add", source, "--target", target}), 6);
  EXPECT_THAT(err(), HasSubstr("line 2 is the first without a counterpart"));
}

TEST_F(TranslationTest, AlignedFilesAreReadInOneWayOnly) {
  const std::string text = folder_.Write("a.txt", "a\n");
  for (const char* flag : {"--text-column", "--label-column"}) {
    EXPECT_EQ(Run({"datasets", "add", text, "--target", text, flag, "x"}), 2) << flag;
  }
  EXPECT_EQ(Run({"datasets", "add", text, "--target", text, "--format", "csv"}), 2);
  EXPECT_EQ(Run({"datasets", "add", folder_.Path(""), "--target", text}), 2);
  EXPECT_THAT(err(), HasSubstr("is a folder, which has no lines to translate"));
}

TEST_F(TranslationTest, AJobOnPairsIsOfTranslation) {
  ASSERT_EQ(Run({"submit", "--base", "enpt", "--train", "pairs"}), 0) << err();
  EXPECT_TRUE(LastTune().has_translation());
  EXPECT_FALSE(LastTune().translation().has_decoding());
  ASSERT_EQ(Run({"submit", "--base", "enpt", "--train", "pairs", "--beam", "4"}), 0) << err();
  EXPECT_EQ(LastTune().translation().decoding().beam_size(), 4);
  ASSERT_EQ(Run({"datasets", "check", "pairs", "--base", "enpt", "--max-length", "64"}), 0)
      << err();
  EXPECT_EQ(LastTune().translation().max_length(), 64);
}

TEST_F(TranslationTest, TheTaskSaysHowALocalFileIsMeant) {
  const std::string file = folder_.Write("train.jsonl", "{\"source\": \"a\", \"target\": \"b\"}\n");
  ASSERT_EQ(Run({"submit", "--base", "enpt", "--train", file, "--task", "translation"}), 0)
      << err();
  EXPECT_TRUE(LastTune().has_translation());
  EXPECT_EQ(LastColumns().label_kind(), v1::LABEL_KIND_TEXT);
  EXPECT_THAT(LastColumns().text(), IsEmpty());  // the server's default
  ASSERT_EQ(Run({"submit", "--base", "enpt", "--train", file, "--label-kind", "text",
                 "--text-column", "translation.en", "--label-column", "translation.pt"}),
            0)
      << err();
  EXPECT_THAT(LastColumns().text(), ElementsAre("translation.en"));
}

TEST_F(TranslationTest, BeamsAreOfTranslationAlone) {
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--task",
                 "text_classification", "--beam", "4"}),
            2);
  EXPECT_THAT(err(), HasSubstr("--beam is of translation"));
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--beam", "0"}), 2);
  EXPECT_EQ(Run({"submit", "--base", "minilm", "--train", "reviews", "--task", "summaries"}), 2);
}

TEST_F(TranslationTest, AModelIsMeasuredOnPairsAndPredictsTexts) {
  const std::string file = folder_.Write("other.tsv", "source\ttarget\na\tb\n");
  ASSERT_EQ(Run({"evaluate", "models/enpt", "--data", file, "--beam", "2"}), 0) << err();
  EXPECT_EQ(LastColumns().label_kind(), v1::LABEL_KIND_TEXT);
  EXPECT_EQ(LastSpec().evaluate().decoding().beam_size(), 2);
  ASSERT_EQ(Run({"predict", "models/enpt", "--data", file, "--text-column", "source"}), 0) << err();
  EXPECT_EQ(LastColumns().label_kind(), v1::LABEL_KIND_NONE);
  EXPECT_FALSE(LastSpec().predict().has_decoding());
}

TEST_F(TranslationTest, TextsAreTranslatedAtOnceALineEach) {
  v1::PredictResponse answer;
  answer.add_rows()->set_translation("um gato");
  answer.add_rows()->set_translation("um\x1b[31m cachorro");
  server_.models.set_predictions(answer);
  ASSERT_EQ(Run({"predict", "models/enpt", "--text", "a cat", "--text", "a dog", "--beam", "3"}), 0)
      << err();
  EXPECT_EQ(out(), "um gato\num?[31m cachorro\n");
  ASSERT_THAT(server_.models.predictions(), SizeIs(1));
  EXPECT_EQ(server_.models.predictions()[0].decoding().beam_size(), 3);
  ASSERT_EQ(Run({"-o", "jsonl", "predict", "models/enpt", "--text", "a cat", "--text", "a dog"}),
            0);
  EXPECT_THAT(out(), HasSubstr("{\"translation\":\"um gato\"}\n"));
}

}  // namespace
}  // namespace attune
