// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/files/vocabulary_files.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kVocabTxt[] = "[PAD]\r\n[UNK]\n[CLS]\n<s>\n[MASK]\nA\n##b\n";
constexpr char kVocabJson[] =
    R"({"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"<mask>":4,"a":5,"b":6,"Ġ":7,"ab":8})";
constexpr char kMerges[] = "#version: 0.2\na b\n";

std::string ErrorOf(std::string_view vocab, std::string_view merges, std::string_view config = "") {
  return std::string(TokenizerFromVocabJson(vocab, merges, config).status().message());
}

TEST(VocabularyFiles, TakeSettingsFromTheConfig) {
  const auto tokenizer = TokenizerFromVocabTxt(
      kVocabTxt, R"({"do_lower_case": false, "sep_token": {"content": "<s>"}})", 2);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Encode("Ab<s>ab", 0).ids, ElementsAre(2, 5, 6, 3, 1, 3));
}

TEST(VocabularyFiles, GiveTheSecondTextAnotherTypeOnlyWhereTheModelHasOne) {
  const char config[] = R"({"do_lower_case": false, "sep_token": "<s>"})";
  const auto two = TokenizerFromVocabTxt(kVocabTxt, config, 2);
  const auto one = TokenizerFromVocabTxt(kVocabTxt, config, 1);
  ASSERT_TRUE(two.ok() && one.ok());
  EXPECT_THAT((*two)->EncodePair("A", "A", 0).type_ids, ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT((*one)->EncodePair("A", "A", 0).type_ids, ElementsAre(0, 0, 0, 0, 0));
}

TEST(VocabularyFiles, MakeABytePairTokenizerOfVocabularyAndMerges) {
  const auto tokenizer = TokenizerFromVocabJson(kVocabJson, kMerges, "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Encode("ab <mask>", 0).ids, ElementsAre(0, 8, 7, 4, 2));
  EXPECT_THAT((*tokenizer)->EncodePair("a", "b", 0).ids, ElementsAre(0, 5, 2, 2, 6, 2));
  EXPECT_EQ((*tokenizer)->pad_id(), 1);
}

TEST(VocabularyFiles, TakeFlagsOfTokensFromTheConfig) {
  const auto tokenizer = TokenizerFromVocabJson(kVocabJson, kMerges, R"({
    "add_prefix_space": true,
    "added_tokens_decoder": {
      "4": {"content": "<mask>", "lstrip": true, "normalized": false, "special": true},
      "9": {"content": "<new>", "normalized": false}}})");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Encode("a <mask><new>", 0).ids, ElementsAre(0, 7, 5, 4, 9, 2));
  EXPECT_EQ((*tokenizer)->vocab_size(), 10);
}

TEST(VocabularyFiles, AreRefusedWithTheirName) {
  EXPECT_THAT(ErrorOf("[]", kMerges), HasSubstr("vocab.json must be an object"));
  EXPECT_THAT(ErrorOf("{\"a\":0}", ""), HasSubstr("vocab.json: the bos_token '<s>' is missing"));
  EXPECT_THAT(ErrorOf(kVocabJson, "#version: 0.2\na b\nab\n"), HasSubstr("merges.txt: line 3"));
  EXPECT_THAT(ErrorOf(kVocabJson, "b a\n"), HasSubstr("merges.txt: merge 1"));
  EXPECT_THAT(ErrorOf(kVocabJson, "\xFF a\n"), HasSubstr("merges.txt: byte 0"));
  EXPECT_THAT(ErrorOf(kVocabJson, kMerges, "[]"), HasSubstr("tokenizer_config.json: expected"));
  EXPECT_THAT(ErrorOf(kVocabJson, kMerges, R"({"added_tokens_decoder": {"x": {"content": "y"}}})"),
              HasSubstr("'x' is no id"));
}

}  // namespace
}  // namespace attune
