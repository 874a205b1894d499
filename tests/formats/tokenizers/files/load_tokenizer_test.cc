// SPDX-License-Identifier: Apache-2.0
#include "base/errors.h"
#include "formats/tokenizers/tokenizer.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json GoodTokenizer() {
  return Json::parse(R"({
    "version": "1.0", "truncation": {"max_length": 3}, "padding": null,
    "added_tokens": [{"id": 3, "content": "[SEP]", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                   "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
      "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
               {"Sequence": {"id": "B", "type_id": 1}},
               {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
      "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                         "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100,
              "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "##b": 5}}})");
}

class LoadTokenizerTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const Json& json) {
    folder_.Write("tokenizer.json", json.dump());
    return LoadTokenizer(folder_.path());
  }
  std::vector<int32_t> Ids(const Json& json, std::string_view text) {
    const auto tokenizer = Load(json);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return tokenizer.ok() ? (*tokenizer)->Encode(text, 0).ids : std::vector<int32_t>();
  }
  std::string ErrorOf(const char* pointer, const Json& value) {
    Json json = GoodTokenizer();
    json[Json::json_pointer(pointer)] = value;
    const auto tokenizer = Load(json);
    EXPECT_FALSE(tokenizer.ok()) << pointer;
    EXPECT_EQ(ErrorReasonOf(tokenizer.status()), "INVALID_MODEL");
    return std::string(tokenizer.status().message());
  }
  TempFolder folder_;
};

TEST_F(LoadTokenizerTest, ReadsTokenizerJson) {
  EXPECT_THAT(Ids(GoodTokenizer(), "Áb a[SEP]x"), ElementsAre(2, 4, 5, 4, 3, 1, 3));
}

TEST_F(LoadTokenizerTest, ReadsBertProcessing) {
  Json json = GoodTokenizer();
  json["post_processor"] =
      Json::parse(R"({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]})");
  EXPECT_THAT(Ids(json, "ab"), ElementsAre(2, 4, 5, 3));
}

TEST_F(LoadTokenizerTest, LooksForNormalizedTokensInTheNormalizedText) {
  Json json = GoodTokenizer();
  json["added_tokens"].push_back({{"id", 6}, {"content", "Día"}, {"normalized", true}});
  EXPECT_THAT(Ids(json, "xDIAa"), ElementsAre(2, 1, 6, 4, 3));
  EXPECT_EQ((*LoadTokenizer(folder_.path()))->vocab_size(), 7);
}

TEST_F(LoadTokenizerTest, RefusesOtherPartsByName) {
  EXPECT_THAT(ErrorOf("/model/type", "Unigram"),
              HasSubstr("model is \"Unigram\"; supported: WordPiece, BPE"));
  EXPECT_THAT(ErrorOf("/normalizer", nullptr), HasSubstr("normalizer is null"));
  EXPECT_THAT(ErrorOf("/normalizer/lowercase", 1), HasSubstr("lowercase must be true or false"));
  EXPECT_THAT(ErrorOf("/pre_tokenizer/type", "Split"), HasSubstr("supported: BertPreTokenizer"));
  EXPECT_THAT(ErrorOf("/post_processor/type", "Roberta"), HasSubstr("post_processor is"));
  EXPECT_THAT(ErrorOf("/post_processor/pair/3/Sequence/type_id", 0), HasSubstr("only '[CLS] A"));
  EXPECT_THAT(ErrorOf("/added_tokens/0/single_word", true), HasSubstr("single_word"));
}

TEST_F(LoadTokenizerTest, RefusesTokensThatMakeNoSense) {
  EXPECT_THAT(ErrorOf("/model/vocab/a", -4), HasSubstr("has id -4"));
  EXPECT_THAT(ErrorOf("/model/vocab/a", 5), HasSubstr("two tokens have id 5"));
  EXPECT_THAT(ErrorOf("/model/vocab/a", 1.5), HasSubstr("must be an integer"));
  EXPECT_THAT(ErrorOf("/model/vocab/a", uint64_t{1} << 63), HasSubstr("must be an integer"));
  EXPECT_THAT(ErrorOf("/model/vocab/", 9), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOf("/model/unk_token", "?"), HasSubstr("'?' is not in the vocabulary"));
  EXPECT_THAT(ErrorOf("/added_tokens/0/content", ""), HasSubstr("1 to 255 bytes"));
  EXPECT_THAT(ErrorOf("/added_tokens/0/id", 4), HasSubstr("the vocabulary says 3"));
  EXPECT_THAT(ErrorOf("/post_processor/special_tokens/[CLS]/ids", Json::array({2, 3})),
              HasSubstr("must have one id"));
  EXPECT_THAT(ErrorOf("/model", nullptr), HasSubstr("model is null"));
}

TEST_F(LoadTokenizerTest, ReadsVocabTxtWithTheSettingsBesideIt) {
  folder_.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nA\n");
  folder_.Write("tokenizer_config.json", R"({"do_lower_case": false})");
  const auto tokenizer = LoadTokenizer(folder_.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Encode("A a", 0).ids, ElementsAre(2, 5, 1, 3));
}

TEST_F(LoadTokenizerTest, ReadsVocabJsonWithItsMerges) {
  folder_.Write("vocab.json", R"({"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"<mask>":4,"a":5})");
  EXPECT_THAT(std::string(LoadTokenizer(folder_.path()).status().message()),
              HasSubstr("vocab.json but no merges.txt"));
  folder_.Write("merges.txt", "");
  const auto tokenizer = LoadTokenizer(folder_.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->Encode("aa", 0).ids, ElementsAre(0, 5, 5, 2));
}

TEST_F(LoadTokenizerTest, SaysWhatAVocabularyLacks) {
  const auto error = [this] {
    return std::string(LoadTokenizer(folder_.path()).status().message());
  };
  EXPECT_THAT(error(),
              HasSubstr("none of tokenizer.json, vocab.txt, and vocab.json with merges.txt"));
  folder_.Write("vocab.txt", "[UNK]\na\n");
  EXPECT_THAT(error(), HasSubstr("vocab.txt: the cls_token '[CLS]' is missing"));
  folder_.Write("vocab.txt", "[UNK]\na\n\nb\n");
  EXPECT_THAT(error(), HasSubstr("the token of id 2 is empty"));
}

}  // namespace
}  // namespace attune
