// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/files/json_values.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {

absl::Status JsonValues::Invalid(std::string_view message) const {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat(file_, ": ", std::string(message)));
}

const JsonValues::Json& JsonValues::At(const Json& object, std::string_view key) {
  static const Json& null = *new Json(nullptr);
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string JsonValues::Shown(const Json& value) {
  return Printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

absl::StatusOr<bool> JsonValues::Flag(const Json& object, std::string_view key, bool absent) const {
  const Json& value = At(object, key);
  if (value.is_null()) return absent;
  if (value.is_boolean()) return value.get<bool>();
  return Invalid(absl::StrCat(std::string(key), " must be true or false, got ", Shown(value)));
}

absl::StatusOr<std::string> JsonValues::Text(const Json& object, std::string_view key,
                                             std::string_view absent) const {
  const Json& value = At(object, key);
  if (value.is_null()) return std::string(absent);
  if (value.is_string()) return value.get<std::string>();
  return Invalid(absl::StrCat(std::string(key), " must be a string, got ", Shown(value)));
}

absl::StatusOr<int64_t> JsonValues::Integer(const Json& value, std::string_view what) const {
  const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t{INT64_MAX}
                                               : value.is_number_integer();
  if (fits) return value.get<int64_t>();
  return Invalid(absl::StrCat(std::string(what), " must be an integer, got ", Shown(value)));
}

absl::StatusOr<int32_t> JsonValues::TokenId(const Json& value, std::string_view what) const {
  ATTUNE_ASSIGN_OR_RETURN(const int64_t id, Integer(value, what));
  if (id >= 0 && id < kMaxVocabulary) return static_cast<int32_t>(id);
  return Invalid(absl::StrCat(std::string(what), " is ", id, ", which is out of range; ids are ",
                              "from 0 to ", kMaxVocabulary - 1));
}

absl::StatusOr<Vocabulary> JsonValues::ReadVocabulary(const Json& object,
                                                      std::string_view what) const {
  if (!object.is_object()) return Invalid(absl::StrCat(std::string(what), " must be an object"));
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (const auto& [token, id] : *object.get_ptr<const Json::object_t*>()) {
    ATTUNE_ASSIGN_OR_RETURN(const int64_t number,
                            Integer(id, absl::StrCat("an id in ", std::string(what))));
    tokens.emplace_back(token, number);
  }
  absl::StatusOr<Vocabulary> vocabulary = Vocabulary::Create(std::move(tokens));
  if (!vocabulary.ok()) return Invalid(std::string(vocabulary.status().message()));
  return vocabulary;
}

absl::Status JsonValues::CheckType(const Json& root, std::string_view part,
                                   std::string_view type) const {
  const Json& found = At(At(root, part), "type");
  if (found == type) return absl::OkStatus();
  return Invalid(absl::StrCat(std::string(part), " is ", Shown(found),
                              "; supported: ", std::string(type),
                              ". Use the tokenizer of a BERT, RoBERTa or DistilBERT model"));
}

}  // namespace attune
