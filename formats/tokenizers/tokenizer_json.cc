// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/tokenizer_json.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "tokenizer.json";

absl::Status Invalid(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat(kFile, ": ", std::string(message)));
}

std::string Shown(const Json& value) {
  return Printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

const Json& At(const Json& object, const char* key) {
  static const Json& null = *new Json(nullptr);
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

// The part must be of the one type that is supported.
absl::Status CheckType(const Json& root, const char* part, const char* type) {
  const Json& found = At(At(root, part), "type");
  if (found == type) return absl::OkStatus();
  return Invalid(
      absl::StrCat(part, " is ", Shown(found), "; supported: ", type, ". Use a BERT tokenizer"));
}

absl::StatusOr<bool> Flag(const Json& object, const char* key, bool absent) {
  const Json& value = At(object, key);
  if (value.is_null()) return absent;
  if (value.is_boolean()) return value.get<bool>();
  return Invalid(absl::StrCat(key, " must be true or false, got ", Shown(value)));
}

absl::StatusOr<int64_t> Integer(const Json& value, std::string_view what) {
  const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t{INT64_MAX}
                                               : value.is_number_integer();
  if (fits) return value.get<int64_t>();
  return Invalid(absl::StrCat(std::string(what), " must be an integer, got ", Shown(value)));
}

absl::StatusOr<BertNormalizer::Options> ReadNormalizer(const Json& root) {
  ATTUNE_RETURN_IF_ERROR(CheckType(root, "normalizer", "BertNormalizer"));
  const Json& json = At(root, "normalizer");
  BertNormalizer::Options options;
  ATTUNE_ASSIGN_OR_RETURN(options.clean_text, Flag(json, "clean_text", true));
  ATTUNE_ASSIGN_OR_RETURN(options.handle_chinese_chars, Flag(json, "handle_chinese_chars", true));
  ATTUNE_ASSIGN_OR_RETURN(options.lowercase, Flag(json, "lowercase", true));
  ATTUNE_ASSIGN_OR_RETURN(options.strip_accents, Flag(json, "strip_accents", options.lowercase));
  return options;
}

absl::StatusOr<WordPiece> ReadModel(const Json& root) {
  ATTUNE_RETURN_IF_ERROR(CheckType(root, "model", "WordPiece"));
  const Json& json = At(root, "model");
  WordPiece::Options options;
  for (const auto& [key, out] :
       {std::pair("unk_token", &options.unknown_token),
        std::pair("continuing_subword_prefix", &options.continuing_prefix)}) {
    const Json& value = At(json, key);
    if (value.is_null()) continue;
    if (!value.is_string()) return Invalid(absl::StrCat("model.", key, " must be a string"));
    *out = value.get<std::string>();
  }
  if (const Json& limit = At(json, "max_input_chars_per_word"); !limit.is_null()) {
    ATTUNE_ASSIGN_OR_RETURN(options.max_characters, Integer(limit, "max_input_chars_per_word"));
    if (options.max_characters < 1 || options.max_characters > 1000) {
      return Invalid("model.max_input_chars_per_word must be from 1 to 1000");
    }
  }
  const Json& vocab = At(json, "vocab");
  if (!vocab.is_object()) return Invalid("model.vocab must be an object");
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (const auto& [token, id] : *vocab.get_ptr<const Json::object_t*>()) {
    ATTUNE_ASSIGN_OR_RETURN(const int64_t number, Integer(id, "an id in model.vocab"));
    tokens.emplace_back(token, number);
  }
  absl::StatusOr<WordPiece> model = WordPiece::Create(std::move(tokens), std::move(options));
  if (!model.ok()) return Invalid(std::string(model.status().message()));
  return model;
}

absl::Status AddNormalizedToken(AddedTokens::Token token, BertTokenizerParts* parts) {
  token.content = parts->normalizer.Normalize(token.content);
  if (token.content.empty() || token.content.size() > AddedTokens::kMaxBytes ||
      !parts->normalized_tokens.Add(token)) {
    return Invalid(absl::StrCat("the added token of id ", token.id,
                                " is empty, too long or the same as another once normalized"));
  }
  return absl::OkStatus();
}

absl::Status ReadAddedToken(const Json& json, BertTokenizerParts* parts) {
  const Json& content = At(json, "content");
  if (!content.is_string()) return Invalid("an added token needs a content");
  AddedTokens::Token token;
  token.content = content.get<std::string>();
  const std::string shown = Printable(token.content);
  if (token.content.empty() || token.content.size() > AddedTokens::kMaxBytes) {
    return Invalid(absl::StrCat("the added token '", shown, "' must have 1 to ",
                                AddedTokens::kMaxBytes, " bytes"));
  }
  ATTUNE_ASSIGN_OR_RETURN(const int64_t id, Integer(At(json, "id"), "the id of an added token"));
  const std::optional<int32_t> known = parts->model.Id(token.content);
  if (id < 0 || id >= kMaxVocabulary || (known.has_value() && *known != id)) {
    return Invalid(absl::StrCat(
        "the added token '", shown, "' has id ", id,
        known.has_value() ? ", the vocabulary says another" : ", which is out of range"));
  }
  token.id = static_cast<int32_t>(id);
  ATTUNE_ASSIGN_OR_RETURN(token.strip_left, Flag(json, "lstrip", false));
  ATTUNE_ASSIGN_OR_RETURN(token.strip_right, Flag(json, "rstrip", false));
  ATTUNE_ASSIGN_OR_RETURN(const bool single_word, Flag(json, "single_word", false));
  ATTUNE_ASSIGN_OR_RETURN(const bool special, Flag(json, "special", false));
  ATTUNE_ASSIGN_OR_RETURN(const bool normalized, Flag(json, "normalized", !special));
  if (single_word) {
    return Invalid(
        absl::StrCat("the added token '", shown, "' has single_word, which is not supported"));
  }
  parts->max_id = std::max(parts->max_id, token.id);
  if (normalized) return AddNormalizedToken(std::move(token), parts);
  if (parts->raw_tokens.Add(std::move(token))) return absl::OkStatus();
  return Invalid(absl::StrCat("the added token '", shown, "' appears twice"));
}

absl::Status ReadAddedTokens(const Json& root, BertTokenizerParts* parts) {
  const Json& list = At(root, "added_tokens");
  if (list.is_null()) return absl::OkStatus();
  if (!list.is_array()) return Invalid("added_tokens must be a list");
  for (const Json& token : list) ATTUNE_RETURN_IF_ERROR(ReadAddedToken(token, parts));
  return absl::OkStatus();
}

// "[CLS]:0" for a special token of type 0, "A:0" for the first text.
std::string TemplateText(const Json& pieces) {
  std::string text;
  for (const Json& piece : pieces) {
    const Json& special = At(piece, "SpecialToken");
    const Json& item = special.is_null() ? At(piece, "Sequence") : special;
    const Json& id = At(item, "id");
    const std::string name = id.is_string() ? id.get<std::string>() : "?";
    absl::StrAppend(&text, text.empty() ? "" : " ", special.is_null() ? "$" : "", name, ":",
                    At(item, "type_id").dump());
  }
  return text;
}

// The name of the special token at `index` of the template for one text.
std::string SpecialName(const Json& single, size_t index) {
  if (!single.is_array() || single.size() <= index) return "";
  const Json& id = At(At(single[index], "SpecialToken"), "id");
  return id.is_string() ? id.get<std::string>() : "";
}

absl::StatusOr<int32_t> TemplateId(const Json& processor, const std::string& name) {
  const Json& ids = At(At(At(processor, "special_tokens"), name.c_str()), "ids");
  if (!ids.is_array() || ids.size() != 1) {
    return Invalid(absl::StrCat("post_processor: '", Printable(name), "' must have one id"));
  }
  ATTUNE_ASSIGN_OR_RETURN(const int64_t id, Integer(ids[0], "an id in post_processor"));
  if (id < 0 || id >= kMaxVocabulary) return Invalid("an id in post_processor is out of range");
  return static_cast<int32_t>(id);
}

absl::Status ReadTemplate(const Json& processor, BertTokenizerParts* parts) {
  const Json& single = At(processor, "single");
  const std::string cls = SpecialName(single, 0), sep = SpecialName(single, 2);
  const std::string expected = absl::StrCat(cls, ":0 $A:0 ", sep, ":0");
  if (TemplateText(single) != expected ||
      TemplateText(At(processor, "pair")) != absl::StrCat(expected, " $B:1 ", sep, ":1")) {
    return Invalid(
        "post_processor: only '[CLS] A [SEP]' and '[CLS] A [SEP] B [SEP]' are "
        "supported. Use a BERT tokenizer");
  }
  ATTUNE_ASSIGN_OR_RETURN(parts->cls_id, TemplateId(processor, cls));
  ATTUNE_ASSIGN_OR_RETURN(parts->sep_id, TemplateId(processor, sep));
  return absl::OkStatus();
}

absl::Status ReadBertProcessing(const Json& processor, BertTokenizerParts* parts) {
  for (const auto& [key, out] :
       {std::pair("cls", &parts->cls_id), std::pair("sep", &parts->sep_id)}) {
    const Json& pair = At(processor, key);
    if (!pair.is_array() || pair.size() != 2) {
      return Invalid(absl::StrCat("post_processor.", key, " must be [token, id]"));
    }
    ATTUNE_ASSIGN_OR_RETURN(const int64_t id, Integer(pair[1], "an id in post_processor"));
    if (id < 0 || id >= kMaxVocabulary) return Invalid("an id in post_processor is out of range");
    *out = static_cast<int32_t>(id);
  }
  return absl::OkStatus();
}

absl::Status ReadPostProcessor(const Json& root, BertTokenizerParts* parts) {
  const Json& processor = At(root, "post_processor");
  const Json& type = At(processor, "type");
  ATTUNE_RETURN_IF_ERROR(type == "BertProcessing" ? ReadBertProcessing(processor, parts)
                         : type == "TemplateProcessing"
                             ? ReadTemplate(processor, parts)
                             : CheckType(root, "post_processor", "TemplateProcessing"));
  parts->max_id = std::max({parts->max_id, parts->cls_id, parts->sep_id});
  return absl::OkStatus();
}

}  // namespace

absl::Status AddRawToken(const std::string& content, int64_t id, BertTokenizerParts* parts) {
  AddedTokens::Token token{content, static_cast<int32_t>(id)};
  const bool fits = !content.empty() && content.size() <= AddedTokens::kMaxBytes;
  if (fits && parts->raw_tokens.Add(std::move(token))) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat("the special token '", Printable(content),
                                "' is empty, too long or named twice"));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromJson(std::string_view text) {
  ATTUNE_ASSIGN_OR_RETURN(const Json root, ParseJsonFile(text, kFile));
  ATTUNE_RETURN_IF_ERROR(CheckType(root, "pre_tokenizer", "BertPreTokenizer"));
  ATTUNE_ASSIGN_OR_RETURN(const BertNormalizer::Options options, ReadNormalizer(root));
  ATTUNE_ASSIGN_OR_RETURN(WordPiece model, ReadModel(root));
  BertTokenizerParts parts{.normalizer = BertNormalizer(options), .model = std::move(model)};
  parts.max_id = parts.model.max_id();
  ATTUNE_RETURN_IF_ERROR(ReadAddedTokens(root, &parts));
  ATTUNE_RETURN_IF_ERROR(ReadPostProcessor(root, &parts));
  const Json& pad = At(At(root, "padding"), "pad_token");
  parts.pad_id = parts.model.Id(pad.is_string() ? pad.get<std::string>() : "[PAD]").value_or(0);
  return std::make_unique<BertTokenizer>(std::move(parts));
}

}  // namespace attune
