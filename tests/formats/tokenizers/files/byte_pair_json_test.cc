// SPDX-License-Identifier: Apache-2.0
// tokenizer.json of byte-level BPE models.
#include "base/errors.h"
#include "formats/tokenizers/files/tokenizer_json.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json GoodTokenizer() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 4, "content": "<mask>", "single_word": false, "lstrip": true,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                      "use_regex": true},
    "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                       "trim_offsets": true, "add_prefix_space": false},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false,
              "ignore_merges": false,
              "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5, "b": 6,
                        "Ġ": 7, "ab": 8, "Ġa": 9},
              "merges": [["a", "b"], ["Ġ", "a"]]}})");
}

std::vector<int32_t> Ids(const Json& json, std::string_view text) {
  const auto tokenizer = TokenizerFromJson(json.dump(), 1);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? (*tokenizer)->Encode(text, 0).ids : std::vector<int32_t>();
}

std::string ErrorOf(const char* pointer, const Json& value) {
  Json json = GoodTokenizer();
  json[Json::json_pointer(pointer)] = value;
  const auto tokenizer = TokenizerFromJson(json.dump(), 1);
  EXPECT_FALSE(tokenizer.ok()) << pointer;
  EXPECT_EQ(ErrorReasonOf(tokenizer.status()), "INVALID_MODEL");
  return std::string(tokenizer.status().message());
}

TEST(BytePairJson, IsReadAsTheLibraryWritesIt) {
  EXPECT_THAT(Ids(GoodTokenizer(), "ab a <mask>b"), ElementsAre(0, 8, 9, 4, 6, 2));
  const auto tokenizer = TokenizerFromJson(GoodTokenizer().dump(), 1);
  EXPECT_EQ((*tokenizer)->pad_id(), 1);
  EXPECT_THAT((*tokenizer)->EncodePair("a", "b", 0).ids, ElementsAre(0, 5, 2, 2, 6, 2));
}

TEST(BytePairJson, MayHaveItsMergesAsText) {
  Json json = GoodTokenizer();
  json["model"]["merges"] = {"a b", "Ġ a"};
  EXPECT_THAT(Ids(json, "ab a"), ElementsAre(0, 8, 9, 2));
}

TEST(BytePairJson, MayHaveATemplateInsteadOfRobertaProcessing) {
  Json json = GoodTokenizer();
  json["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
               {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
             {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}},
             {"Sequence": {"id": "B", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                       "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}})");
  const auto tokenizer = TokenizerFromJson(json.dump(), 1);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THAT((*tokenizer)->EncodePair("a", "b", 0).ids, ElementsAre(0, 5, 2, 2, 6, 2));
}

TEST(BytePairJson, RefusesWhatWouldGiveOtherIds) {
  EXPECT_THAT(ErrorOf("/model/type", "Unigram"), HasSubstr("supported: WordPiece, BPE"));
  EXPECT_THAT(ErrorOf("/model/dropout", 0.1), HasSubstr("model.dropout makes ids random"));
  EXPECT_THAT(ErrorOf("/model/byte_fallback", true), HasSubstr("model.byte_fallback"));
  EXPECT_THAT(ErrorOf("/model/ignore_merges", true), HasSubstr("model.ignore_merges"));
  EXPECT_THAT(ErrorOf("/model/end_of_word_suffix", "</w>"), HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(ErrorOf("/normalizer", Json{{"type", "NFC"}}), HasSubstr("normalizer is \"NFC\""));
  EXPECT_THAT(ErrorOf("/pre_tokenizer/type", "Metaspace"), HasSubstr("supported: ByteLevel"));
  EXPECT_THAT(ErrorOf("/pre_tokenizer/use_regex", 1), HasSubstr("use_regex must be true or false"));
  EXPECT_THAT(ErrorOf("/post_processor/type", "ByteLevel"),
              HasSubstr("supported: BertProcessing, RobertaProcessing, TemplateProcessing"));
  EXPECT_THAT(ErrorOf("/post_processor/sep", Json::array({"</s>"})), HasSubstr("[token, id]"));
}

TEST(BytePairJson, RefusesMergesThatMakeNoSense) {
  EXPECT_THAT(ErrorOf("/model/merges", Json::array({"a b", "ab"})),
              HasSubstr("merge 2 of model.merges is \"ab\""));
  EXPECT_THAT(ErrorOf("/model/merges", Json::array({Json::array({"a", 1})})),
              HasSubstr("merge 1 of model.merges"));
  EXPECT_THAT(ErrorOf("/model/merges", Json::array({"b a"})), HasSubstr("needs the token 'ba'"));
  EXPECT_THAT(ErrorOf("/model/merges", nullptr), HasSubstr("must be a list"));
}

}  // namespace
}  // namespace attune
