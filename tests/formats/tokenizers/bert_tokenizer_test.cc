// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/bert_tokenizer.h"

#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

class BertTokenizerTest : public ::testing::Test {
 protected:
  BertTokenizerTest() {
    folder_.Write("vocab.txt", kTinyVocab);
    auto tokenizer = LoadTokenizer(folder_.path());
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = *std::move(tokenizer);
  }
  TempFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(BertTokenizerTest, FramesTheTextWithClsAndSep) {
  const Encoding encoding = tokenizer_->Encode("Good movies, playing.", 0);
  EXPECT_THAT(encoding.ids, ElementsAre(2, 5, 7, 8, 1, 9, 10, 11, 3));
  EXPECT_THAT(encoding.type_ids, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_FALSE(encoding.truncated);
  EXPECT_THAT(tokenizer_->Encode("", 0).ids, ElementsAre(2, 3));
}

TEST_F(BertTokenizerTest, FindsSpecialTokensInTheText) {
  EXPECT_THAT(tokenizer_->Encode("good[SEP]bad [MASK]", 0).ids, ElementsAre(2, 5, 3, 6, 4, 3));
  EXPECT_THAT(tokenizer_->Encode("[sep]", 0).ids, ElementsAre(2, 1, 1, 1, 3));
}

TEST_F(BertTokenizerTest, CutsTheEndToFit) {
  const Encoding encoding = tokenizer_->Encode("good bad movie", 4);
  EXPECT_THAT(encoding.ids, ElementsAre(2, 5, 6, 3));
  EXPECT_TRUE(encoding.truncated);
  EXPECT_FALSE(tokenizer_->Encode("good bad", 4).truncated);
  EXPECT_THAT(tokenizer_->Encode("good", 2).ids, ElementsAre(2, 3));
}

TEST_F(BertTokenizerTest, CutsTheLongerOfAPairFirst) {
  const Encoding whole = tokenizer_->EncodePair("good", "bad movie", 0);
  EXPECT_THAT(whole.ids, ElementsAre(2, 5, 3, 6, 7, 3));
  EXPECT_THAT(whole.type_ids, ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_THAT(tokenizer_->EncodePair("good", "bad bad bad", 6).ids, ElementsAre(2, 5, 3, 6, 6, 3));
  EXPECT_THAT(tokenizer_->EncodePair("good good good", "bad", 6).ids,
              ElementsAre(2, 5, 5, 3, 6, 3));
  // Both must give: the shorter gets the half, rounded down.
  EXPECT_THAT(tokenizer_->EncodePair("good good good good", "bad bad bad", 6).ids,
              ElementsAre(2, 5, 5, 3, 6, 3));
  EXPECT_THAT(tokenizer_->EncodePair("good good good", "bad bad bad", 6).ids,
              ElementsAre(2, 5, 3, 6, 6, 3));
}

TEST_F(BertTokenizerTest, KnowsItsSizesAndIds) {
  EXPECT_EQ(tokenizer_->kind(), "WordPiece");
  EXPECT_EQ(tokenizer_->vocab_size(), 12);
  EXPECT_EQ(tokenizer_->pad_id(), 0);
  EXPECT_EQ(tokenizer_->unknown_id(), 1);
  EXPECT_EQ(tokenizer_->special_count(true), 3);
}

}  // namespace
}  // namespace attune
