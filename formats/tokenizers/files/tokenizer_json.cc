// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/files/tokenizer_json.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/tokenizers/bert_tokenizer.h"
#include "formats/tokenizers/byte_pair_tokenizer.h"
#include "formats/tokenizers/files/frame_json.h"
#include "formats/tokenizers/files/json_values.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

// Reads one tokenizer.json into a tokenizer of the kind that its model asks for.
class TokenizerReader {
 public:
  TokenizerReader(const Json& root, int64_t text_types) : root_(root), text_types_(text_types) {}

  absl::StatusOr<std::unique_ptr<Tokenizer>> Read() const {
    const Json& type = JsonValues::At(Model(), "type");
    if (type == "WordPiece") return ReadBert();
    if (type == "BPE") return ReadBytePairs();
    return values_.CheckType(root_, "model", "WordPiece, BPE");
  }

 private:
  const Json& Model() const { return JsonValues::At(root_, "model"); }

  absl::StatusOr<TokenFrame> Frame(const Vocabulary& vocabulary,
                                   NormalizeFunction normalize) const {
    ATTUNE_ASSIGN_OR_RETURN(TokenFrame frame, ReadFrame(values_, root_, vocabulary, normalize));
    if (text_types_ < 2) frame.second_type = 0;
    return frame;
  }

  absl::StatusOr<std::unique_ptr<Tokenizer>> ReadBert() const {
    ATTUNE_RETURN_IF_ERROR(values_.CheckType(root_, "pre_tokenizer", "BertPreTokenizer"));
    ATTUNE_ASSIGN_OR_RETURN(const BertNormalizer normalizer, ReadNormalizer());
    ATTUNE_ASSIGN_OR_RETURN(WordPiece model, ReadWordPiece());
    ATTUNE_ASSIGN_OR_RETURN(TokenFrame frame,
                            Frame(model.vocabulary(), [&normalizer](std::string_view text) {
                              return normalizer.Normalize(text);
                            }));
    return std::make_unique<BertTokenizer>(std::move(frame), normalizer, std::move(model));
  }

  absl::StatusOr<BertNormalizer> ReadNormalizer() const {
    ATTUNE_RETURN_IF_ERROR(values_.CheckType(root_, "normalizer", "BertNormalizer"));
    const Json& json = JsonValues::At(root_, "normalizer");
    BertNormalizer::Options options;
    ATTUNE_ASSIGN_OR_RETURN(options.clean_text, values_.Flag(json, "clean_text", true));
    ATTUNE_ASSIGN_OR_RETURN(options.handle_chinese_chars,
                            values_.Flag(json, "handle_chinese_chars", true));
    ATTUNE_ASSIGN_OR_RETURN(options.lowercase, values_.Flag(json, "lowercase", true));
    ATTUNE_ASSIGN_OR_RETURN(options.strip_accents,
                            values_.Flag(json, "strip_accents", options.lowercase));
    return BertNormalizer(options);
  }

  absl::StatusOr<WordPiece> ReadWordPiece() const {
    WordPiece::Options options;
    ATTUNE_ASSIGN_OR_RETURN(options.unknown_token,
                            values_.Text(Model(), "unk_token", options.unknown_token));
    ATTUNE_ASSIGN_OR_RETURN(
        options.continuing_prefix,
        values_.Text(Model(), "continuing_subword_prefix", options.continuing_prefix));
    if (const Json& limit = JsonValues::At(Model(), "max_input_chars_per_word"); !limit.is_null()) {
      ATTUNE_ASSIGN_OR_RETURN(options.max_characters,
                              values_.Integer(limit, "max_input_chars_per_word"));
      if (options.max_characters < 1 || options.max_characters > 1000) {
        return values_.Invalid("model.max_input_chars_per_word must be from 1 to 1000");
      }
    }
    ATTUNE_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabulary());
    return Named(WordPiece::Create(std::move(vocabulary), std::move(options)));
  }

  absl::StatusOr<Vocabulary> ReadVocabulary() const {
    return values_.ReadVocabulary(JsonValues::At(Model(), "vocab"), "model.vocab");
  }

  // An error of a model, with the file's name before it.
  template <typename T>
  absl::StatusOr<T> Named(absl::StatusOr<T> made) const {
    if (made.ok()) return made;
    return values_.Invalid(std::string(made.status().message()));
  }

  absl::StatusOr<std::unique_ptr<Tokenizer>> ReadBytePairs() const {
    if (const Json& normalizer = JsonValues::At(root_, "normalizer"); !normalizer.is_null()) {
      return values_.Invalid(absl::StrCat("normalizer is ",
                                          JsonValues::Shown(JsonValues::At(normalizer, "type")),
                                          "; supported with a BPE model: none"));
    }
    ATTUNE_RETURN_IF_ERROR(values_.CheckType(root_, "pre_tokenizer", "ByteLevel"));
    const Json& pre_tokenizer = JsonValues::At(root_, "pre_tokenizer");
    ByteLevelOptions options;
    ATTUNE_ASSIGN_OR_RETURN(options.add_prefix_space,
                            values_.Flag(pre_tokenizer, "add_prefix_space", true));
    ATTUNE_ASSIGN_OR_RETURN(options.split_words, values_.Flag(pre_tokenizer, "use_regex", true));
    ATTUNE_ASSIGN_OR_RETURN(BytePairs model, ReadBytePairModel());
    ATTUNE_ASSIGN_OR_RETURN(TokenFrame frame, Frame(model.vocabulary(), [](std::string_view text) {
                              return std::string(text);
                            }));
    return std::make_unique<BytePairTokenizer>(std::move(frame), options, std::move(model));
  }

  absl::StatusOr<BytePairs> ReadBytePairModel() const {
    ATTUNE_RETURN_IF_ERROR(RefuseOtherBytePairs());
    BytePairs::Options options;
    ATTUNE_ASSIGN_OR_RETURN(options.unknown_token, values_.Text(Model(), "unk_token", ""));
    ATTUNE_ASSIGN_OR_RETURN(options.fuse_unknown, values_.Flag(Model(), "fuse_unk", false));
    ATTUNE_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabulary());
    ATTUNE_ASSIGN_OR_RETURN(const BytePairs::Merges merges, ReadMerges());
    return Named(BytePairs::Create(std::move(vocabulary), merges, std::move(options)));
  }

  // What would give other ids than BytePairs does.
  absl::Status RefuseOtherBytePairs() const {
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      ATTUNE_ASSIGN_OR_RETURN(const std::string affix, values_.Text(Model(), key, ""));
      if (!affix.empty()) {
        return values_.Invalid(absl::StrCat("model.", key, " is not supported with a BPE model"));
      }
    }
    for (const char* key : {"byte_fallback", "ignore_merges"}) {
      ATTUNE_ASSIGN_OR_RETURN(const bool set, values_.Flag(Model(), key, false));
      if (set) return values_.Invalid(absl::StrCat("model.", key, " is not supported"));
    }
    const Json& dropout = JsonValues::At(Model(), "dropout");
    if (dropout.is_null() || dropout == 0) return absl::OkStatus();
    return values_.Invalid("model.dropout makes ids random and is not supported; set it to null");
  }

  // Each merge is "left right", or a list of the two.
  absl::StatusOr<BytePairs::Merges> ReadMerges() const {
    const Json& list = JsonValues::At(Model(), "merges");
    if (!list.is_array()) return values_.Invalid("model.merges must be a list");
    BytePairs::Merges merges;
    merges.reserve(list.size());
    for (const Json& item : list) {
      if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
        merges.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
        continue;
      }
      auto merge = item.is_string() ? BytePairs::ParseMerge(item.get_ref<const std::string&>())
                                    : std::nullopt;
      if (!merge.has_value()) {
        return values_.Invalid(absl::StrCat("merge ", merges.size() + 1, " of model.merges is ",
                                            JsonValues::Shown(item),
                                            "; expected two tokens with one space between"));
      }
      merges.push_back(*std::move(merge));
    }
    return merges;
  }

  const JsonValues values_{"tokenizer.json"};
  const Json& root_;
  const int64_t text_types_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromJson(std::string_view text,
                                                             int64_t text_types) {
  ATTUNE_ASSIGN_OR_RETURN(const Json root, ParseJsonFile(text, "tokenizer.json"));
  return TokenizerReader(root, text_types).Read();
}

}  // namespace attune
