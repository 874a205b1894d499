// SPDX-License-Identifier: Apache-2.0
// LoadTokenizer: tokenizer.json, or vocab.txt as transformers' BertTokenizer reads it.
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/bert_tokenizer.h"
#include "formats/tokenizers/tokenizer_json.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMaxTokenizerBytes = 64 << 20;
constexpr int64_t kMaxConfigBytes = 1 << 20;
constexpr char kConfig[] = "tokenizer_config.json";

absl::Status Invalid(std::string message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL", message);
}

// NOT_FOUND when absent.
absl::StatusOr<std::string> ReadIn(const std::string& dir, const char* name, int64_t limit) {
  ATTUNE_ASSIGN_OR_RETURN(const RegularFile file, RegularFile::OpenIn(dir, name));
  absl::StatusOr<std::string> text = file.ReadAll(limit);
  if (!text.ok()) return Invalid(absl::StrCat(name, ": ", text.status().message()));
  return text;
}

struct VocabSettings {
  BertNormalizer::Options normalizer;
  std::map<std::string, std::string> special = {{"unk_token", "[UNK]"},
                                                {"sep_token", "[SEP]"},
                                                {"pad_token", "[PAD]"},
                                                {"cls_token", "[CLS]"},
                                                {"mask_token", "[MASK]"}};
};

absl::Status ReadFlag(const Json& json, const char* key, bool* out) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return absl::OkStatus();
  if (!found->is_boolean()) {
    return Invalid(absl::StrCat(kConfig, ": ", key, " must be true or false"));
  }
  *out = found->get<bool>();
  return absl::OkStatus();
}

absl::Status ReadSpecialNames(const Json& json, VocabSettings* settings) {
  for (auto& [key, name] : settings->special) {
    const auto found = json.find(key);
    if (found == json.end() || found->is_null()) continue;
    const bool object = found->is_object() && found->contains("content");
    const Json& content = object ? (*found)["content"] : *found;
    if (!content.is_string()) return Invalid(absl::StrCat(kConfig, ": ", key, " must be a string"));
    name = content.get<std::string>();
  }
  return absl::OkStatus();
}

absl::StatusOr<VocabSettings> ReadSettings(const std::string& dir) {
  VocabSettings settings;
  const absl::StatusOr<std::string> text = ReadIn(dir, kConfig, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return settings;
  ATTUNE_RETURN_IF_ERROR(text.status());
  ATTUNE_ASSIGN_OR_RETURN(const Json json, ParseJsonFile(*text, kConfig));
  if (!json.is_object()) return Invalid(absl::StrCat(kConfig, ": expected an object"));
  BertNormalizer::Options& options = settings.normalizer;
  ATTUNE_RETURN_IF_ERROR(ReadFlag(json, "do_lower_case", &options.lowercase));
  ATTUNE_RETURN_IF_ERROR(ReadFlag(json, "tokenize_chinese_chars", &options.handle_chinese_chars));
  options.strip_accents = options.lowercase;
  ATTUNE_RETURN_IF_ERROR(ReadFlag(json, "strip_accents", &options.strip_accents));
  ATTUNE_RETURN_IF_ERROR(ReadSpecialNames(json, &settings));
  return settings;
}

absl::StatusOr<WordPiece> ReadVocabulary(std::string_view text, const std::string& unknown) {
  const size_t invalid = FindInvalidUtf8(text);
  if (invalid != std::string_view::npos) {
    return Invalid(absl::StrCat("vocab.txt: byte ", invalid, " is not valid UTF-8"));
  }
  std::vector<std::pair<std::string, int64_t>> vocabulary;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const auto id = static_cast<int64_t>(vocabulary.size());
    vocabulary.emplace_back(std::string(line), id);
  }
  if (vocabulary.back().first.empty()) vocabulary.pop_back();  // after the last newline
  WordPiece::Options options;
  options.unknown_token = unknown;
  absl::StatusOr<WordPiece> model = WordPiece::Create(std::move(vocabulary), std::move(options));
  if (!model.ok()) return Invalid(absl::StrCat("vocab.txt: ", model.status().message()));
  return model;
}

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromVocab(const std::string& dir,
                                                              std::string_view text) {
  ATTUNE_ASSIGN_OR_RETURN(VocabSettings settings, ReadSettings(dir));
  ATTUNE_ASSIGN_OR_RETURN(WordPiece model, ReadVocabulary(text, settings.special["unk_token"]));
  BertTokenizerParts parts{.normalizer = BertNormalizer(settings.normalizer),
                           .model = std::move(model)};
  parts.max_id = parts.model.max_id();
  for (const auto& [key, name] : settings.special) {
    const std::optional<int32_t> id = parts.model.Id(name);
    if (!id.has_value()) {
      return Invalid(absl::StrCat("vocab.txt: the ", key, " '", Printable(name), "' is missing"));
    }
    ATTUNE_RETURN_IF_ERROR(AddRawToken(name, *id, &parts));
  }
  parts.cls_id = *parts.model.Id(settings.special["cls_token"]);
  parts.sep_id = *parts.model.Id(settings.special["sep_token"]);
  parts.pad_id = *parts.model.Id(settings.special["pad_token"]);
  return std::make_unique<BertTokenizer>(std::move(parts));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& dir) {
  const absl::StatusOr<std::string> json = ReadIn(dir, "tokenizer.json", kMaxTokenizerBytes);
  if (json.ok()) return TokenizerFromJson(*json);
  if (!absl::IsNotFound(json.status())) return json.status();
  const absl::StatusOr<std::string> vocab = ReadIn(dir, "vocab.txt", kMaxTokenizerBytes);
  if (vocab.ok()) return TokenizerFromVocab(dir, *vocab);
  if (!absl::IsNotFound(vocab.status())) return vocab.status();
  return Invalid("the folder has neither tokenizer.json nor vocab.txt; add the model's tokenizer");
}

const std::vector<std::string>& TokenizerFileNames() {
  static const std::vector<std::string>& names =
      *new std::vector<std::string>{"added_tokens.json", "special_tokens_map.json",
                                    "tokenizer.json", "tokenizer_config.json", "vocab.txt"};
  return names;
}

}  // namespace attune
