// SPDX-License-Identifier: Apache-2.0
// LoadTokenizer: which of a folder's files make its tokenizer.
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/tokenizers/files/tokenizer_json.h"
#include "formats/tokenizers/files/vocabulary_files.h"

namespace attune {
namespace {

constexpr int64_t kMaxTokenizerBytes = 64 << 20;
constexpr int64_t kMaxConfigBytes = 1 << 20;

absl::Status Invalid(std::string message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL", message);
}

// Nothing when the file is absent.
absl::StatusOr<std::optional<std::string>> ReadIn(const std::string& dir, const char* name,
                                                  int64_t limit) {
  const absl::StatusOr<RegularFile> file = RegularFile::OpenIn(dir, name);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(file.status());
  absl::StatusOr<std::string> text = file->ReadAll(limit);
  if (!text.ok()) return Invalid(absl::StrCat(name, ": ", text.status().message()));
  return *std::move(text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizer(const std::string& dir,
                                                         int64_t text_types) {
  ATTUNE_ASSIGN_OR_RETURN(const auto json, ReadIn(dir, "tokenizer.json", kMaxTokenizerBytes));
  if (json.has_value()) return TokenizerFromJson(*json, text_types);
  ATTUNE_ASSIGN_OR_RETURN(const auto config, ReadIn(dir, "tokenizer_config.json", kMaxConfigBytes));
  ATTUNE_ASSIGN_OR_RETURN(const auto words, ReadIn(dir, "vocab.txt", kMaxTokenizerBytes));
  if (words.has_value()) return TokenizerFromVocabTxt(*words, config.value_or(""), text_types);
  ATTUNE_ASSIGN_OR_RETURN(const auto pairs, ReadIn(dir, "vocab.json", kMaxTokenizerBytes));
  ATTUNE_ASSIGN_OR_RETURN(const auto merges, ReadIn(dir, "merges.txt", kMaxTokenizerBytes));
  if (pairs.has_value() && merges.has_value()) {
    return TokenizerFromVocabJson(*pairs, *merges, config.value_or(""));
  }
  if (pairs.has_value()) return Invalid("the folder has vocab.json but no merges.txt; add it");
  return Invalid(
      "the folder has none of tokenizer.json, vocab.txt, and vocab.json with merges.txt; add the "
      "model's tokenizer");
}

const std::vector<std::string>& TokenizerFileNames() {
  static const std::vector<std::string>& names =
      *new std::vector<std::string>{"added_tokens.json",
                                    "merges.txt",
                                    "special_tokens_map.json",
                                    "tokenizer.json",
                                    "tokenizer_config.json",
                                    "vocab.json",
                                    "vocab.txt"};
  return names;
}

}  // namespace attune
