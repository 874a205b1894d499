// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/files/vocabulary_files.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_tokenizer.h"
#include "formats/tokenizers/byte_pair_tokenizer.h"
#include "formats/tokenizers/files/frame_json.h"
#include "formats/tokenizers/files/json_values.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;
using SpecialNames = std::map<std::string, std::string>;  // "cls_token" → "[CLS]"

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// tokenizer_config.json.
class Settings {
 public:
  static absl::StatusOr<Settings> Parse(std::string_view text) {
    Settings settings;
    if (text.empty()) return settings;
    ATTUNE_ASSIGN_OR_RETURN(settings.json_, ParseJsonFile(text, "tokenizer_config.json"));
    if (!settings.json_.is_object()) return settings.values_.Invalid("expected an object");
    return settings;
  }

  absl::Status ReadFlag(const char* key, bool* flag) const {
    ATTUNE_ASSIGN_OR_RETURN(*flag, values_.Flag(json_, key, *flag));
    return absl::OkStatus();
  }

  // Each name may be text, or an object with a content.
  absl::Status ReadNames(SpecialNames* names) const {
    for (auto& [key, name] : *names) {
      const Json& value = JsonValues::At(json_, key);
      const Json& holder = value.is_object() ? value : json_;
      ATTUNE_ASSIGN_OR_RETURN(name,
                              values_.Text(holder, value.is_object() ? "content" : key, name));
    }
    return absl::OkStatus();
  }

  // The frame of a vocabulary: added_tokens_decoder, an object of id → token, and then the special
  // tokens that are not in it.
  absl::StatusOr<TokenFrame> Frame(const char* vocab_file, const Vocabulary& vocabulary,
                                   const SpecialNames& names, NormalizeFunction normalize) const {
    TokenFrame frame;
    frame.max_id = std::max(0, vocabulary.max_id());
    std::map<std::string, int32_t> added;
    ATTUNE_RETURN_IF_ERROR(ReadAddedTokens(vocabulary, normalize, &frame, &added));
    for (const auto& [key, name] : names) {
      if (added.contains(name)) continue;
      const std::optional<int32_t> id = vocabulary.Id(name);
      if (!id.has_value()) {
        return JsonValues(vocab_file)
            .Invalid(absl::StrCat("the ", key, " '", Printable(name), "' is missing"));
      }
      const Json& entry = JsonValues::At(json_, key);  // flags of its own, where it is an object
      ATTUNE_RETURN_IF_ERROR(entry.is_object() ? ReadAddedToken(values_, entry, Json(*id),
                                                                vocabulary, normalize, &frame)
                                               : AddRawToken(values_, name, *id, &frame));
      added[name] = *id;
    }
    frame.first_id = added[names.at("cls_token")];
    frame.separator_id = added[names.at("sep_token")];
    frame.pad_id = added[names.at("pad_token")];
    return frame;
  }

 private:
  absl::Status ReadAddedTokens(const Vocabulary& vocabulary, NormalizeFunction normalize,
                               TokenFrame* frame, std::map<std::string, int32_t>* added) const {
    const Json& tokens = JsonValues::At(json_, "added_tokens_decoder");
    if (tokens.is_null()) return absl::OkStatus();
    if (!tokens.is_object()) return values_.Invalid("added_tokens_decoder must be an object");
    for (const auto& [key, entry] : *tokens.get_ptr<const Json::object_t*>()) {
      int64_t id = 0;
      if (!absl::SimpleAtoi(key, &id)) {
        return values_.Invalid(
            absl::StrCat("added_tokens_decoder: '", Printable(key), "' is no id"));
      }
      ATTUNE_RETURN_IF_ERROR(
          ReadAddedToken(values_, entry, Json(id), vocabulary, normalize, frame));
      (*added)[entry["content"].get<std::string>()] = static_cast<int32_t>(id);
    }
    return absl::OkStatus();
  }

  JsonValues values_{"tokenizer_config.json"};
  Json json_ = Json::object();
};

absl::Status CheckUtf8(const char* file, std::string_view text) {
  const size_t invalid = FindInvalidUtf8(text);
  if (invalid == std::string_view::npos) return absl::OkStatus();
  return JsonValues(file).Invalid(absl::StrCat("byte ", invalid, " is not valid UTF-8"));
}

// Lines without their ends; none for what is behind the last newline.
std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(View(text), '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.emplace_back(line);
  }
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

absl::StatusOr<WordPiece> ReadWordPiece(std::string_view text, const std::string& unknown) {
  const JsonValues values("vocab.txt");
  ATTUNE_RETURN_IF_ERROR(CheckUtf8("vocab.txt", text));
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (std::string& line : Lines(text)) {
    const auto id = static_cast<int64_t>(tokens.size());
    tokens.emplace_back(std::move(line), id);
  }
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Create(std::move(tokens));
  if (!vocabulary.ok()) return values.Invalid(std::string(vocabulary.status().message()));
  WordPiece::Options options;
  options.unknown_token = unknown;
  absl::StatusOr<WordPiece> model = WordPiece::Create(*std::move(vocabulary), std::move(options));
  if (!model.ok()) return values.Invalid(std::string(model.status().message()));
  return model;
}

absl::StatusOr<BytePairs::Merges> ReadMerges(std::string_view text) {
  ATTUNE_RETURN_IF_ERROR(CheckUtf8("merges.txt", text));
  BytePairs::Merges merges;
  int64_t number = 0;
  for (const std::string& line : Lines(text)) {
    ++number;
    if (absl::StartsWith(line, "#version")) continue;
    auto merge = BytePairs::ParseMerge(line);
    if (!merge.has_value()) {
      return JsonValues("merges.txt")
          .Invalid(absl::StrCat("line ", number, " is '", Printable(line),
                                "'; expected two tokens with one space between"));
    }
    merges.push_back(*std::move(merge));
  }
  return merges;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromVocabTxt(std::string_view vocab,
                                                                 std::string_view config,
                                                                 int64_t text_types) {
  ATTUNE_ASSIGN_OR_RETURN(const Settings settings, Settings::Parse(config));
  BertNormalizer::Options options;
  ATTUNE_RETURN_IF_ERROR(settings.ReadFlag("do_lower_case", &options.lowercase));
  ATTUNE_RETURN_IF_ERROR(
      settings.ReadFlag("tokenize_chinese_chars", &options.handle_chinese_chars));
  options.strip_accents = options.lowercase;
  ATTUNE_RETURN_IF_ERROR(settings.ReadFlag("strip_accents", &options.strip_accents));
  SpecialNames names = {{"unk_token", "[UNK]"},
                        {"sep_token", "[SEP]"},
                        {"pad_token", "[PAD]"},
                        {"cls_token", "[CLS]"},
                        {"mask_token", "[MASK]"}};
  ATTUNE_RETURN_IF_ERROR(settings.ReadNames(&names));
  ATTUNE_ASSIGN_OR_RETURN(WordPiece model, ReadWordPiece(vocab, names["unk_token"]));
  const BertNormalizer normalizer(options);
  ATTUNE_ASSIGN_OR_RETURN(TokenFrame frame, settings.Frame("vocab.txt", model.vocabulary(), names,
                                                           [&](std::string_view text) {
                                                             return normalizer.Normalize(text);
                                                           }));
  if (text_types < 2) frame.second_type = 0;
  return std::make_unique<BertTokenizer>(std::move(frame), normalizer, std::move(model));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromVocabJson(std::string_view vocab,
                                                                  std::string_view merges,
                                                                  std::string_view config) {
  ATTUNE_ASSIGN_OR_RETURN(const Settings settings, Settings::Parse(config));
  ByteLevelOptions options;
  ATTUNE_RETURN_IF_ERROR(settings.ReadFlag("add_prefix_space", &options.add_prefix_space));
  SpecialNames names = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "<unk>"},
                        {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                        {"mask_token", "<mask>"}};
  ATTUNE_RETURN_IF_ERROR(settings.ReadNames(&names));
  const JsonValues values("vocab.json");
  ATTUNE_ASSIGN_OR_RETURN(const Json json, ParseJsonFile(vocab, "vocab.json"));
  ATTUNE_ASSIGN_OR_RETURN(Vocabulary vocabulary, values.ReadVocabulary(json, "vocab.json"));
  ATTUNE_ASSIGN_OR_RETURN(const BytePairs::Merges rules, ReadMerges(merges));
  absl::StatusOr<BytePairs> model = BytePairs::Create(std::move(vocabulary), rules, {});
  if (!model.ok()) return JsonValues("merges.txt").Invalid(std::string(model.status().message()));
  ATTUNE_ASSIGN_OR_RETURN(TokenFrame frame,
                          settings.Frame("vocab.json", model->vocabulary(), names,
                                         [](std::string_view text) { return std::string(text); }));
  frame.separators_between = 2;
  frame.second_type = 0;
  return std::make_unique<BytePairTokenizer>(std::move(frame), options, *std::move(model));
}

}  // namespace attune
