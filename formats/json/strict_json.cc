// SPDX-License-Identifier: Apache-2.0
#include "formats/json/strict_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

// Builds the value and refuses what RFC 8259 only discourages. Objects are appended to directly,
// since ordered_json looks through all keys at each insertion.
class StrictHandler final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictHandler(Json* root) : root_(root) {}
  const std::string& message() const { return message_; }
  size_t position() const { return position_; }

  bool null() override { return Place(nullptr); }
  bool boolean(bool value) override { return Place(value); }
  bool number_integer(int64_t value) override { return Place(value); }
  bool number_unsigned(uint64_t value) override { return Place(value); }
  bool number_float(double value, const std::string&) override { return Place(value); }
  bool string(std::string& value) override { return Place(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }
  bool start_object(size_t) override { return Enter(Json::object()); }
  bool start_array(size_t) override { return Enter(Json::array()); }
  bool end_array() override { return Leave(); }
  bool end_object() override {
    keys_.pop_back();
    return Leave();
  }

  bool key(std::string& value) override {
    if (!keys_.back().insert(value).second) {
      message_ = absl::StrCat("the key '", Printable(value, 40), "' appears twice in one object");
      return false;
    }
    key_ = std::move(value);
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    position_ = position;
    message_ = Cleaned(error.what());
    return false;
  }

 private:
  // "[json.exception.parse_error.101] parse error at line 1, column 5: what" → "what"
  static std::string Cleaned(std::string_view text) {
    const size_t place = text.find(", column ");
    const size_t start = place == std::string_view::npos ? text.find("] ") : text.find(": ", place);
    if (start != std::string_view::npos) text.remove_prefix(start + 2);
    return Printable(text, 160);
  }

  Json* Append(Json value) {
    if (open_.empty()) {
      *root_ = std::move(value);
      return root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.get_ptr<Json::array_t*>()->emplace_back(std::move(value));
    return &parent.get_ptr<Json::object_t*>()
                ->emplace_back(std::move(key_), std::move(value))
                .second;
  }
  bool Place(Json value) {
    Append(std::move(value));
    return true;
  }
  bool Enter(Json value) {
    if (open_.size() == kMaxJsonDepth) {
      message_ = absl::StrCat("nested deeper than ", kMaxJsonDepth, " levels");
      return false;
    }
    if (value.is_object()) keys_.emplace_back();
    open_.push_back(Append(std::move(value)));
    return true;
  }
  bool Leave() {
    open_.pop_back();
    return true;
  }

  Json* root_;
  std::vector<Json*> open_;
  std::vector<absl::flat_hash_set<std::string>> keys_;  // of the open objects
  std::string key_;
  std::string message_;
  size_t position_ = 0;
};

}  // namespace

bool ParseStrictJson(std::string_view text, Json* out, JsonError* error) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") {
    *error = {0, "starts with a byte order mark"};
    return false;
  }
  const size_t invalid = FindInvalidUtf8(text);
  if (invalid != std::string_view::npos) {
    *error = {static_cast<int64_t>(invalid), "not valid UTF-8"};
    return false;
  }
  *out = nullptr;
  StrictHandler handler(out);
  if (Json::sax_parse(text, &handler)) return true;
  const size_t read = std::min(handler.position(), text.size() + 1);
  *error = {static_cast<int64_t>(read) - (read > 0 ? 1 : 0), handler.message()};
  return false;
}

absl::StatusOr<Json> ParseJsonFile(std::string_view text, std::string_view file) {
  Json value;
  JsonError error;
  if (ParseStrictJson(text, &value, &error)) return value;
  const std::string_view before = text.substr(0, static_cast<size_t>(error.offset));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat(std::string(file), ":", line, ":",
                                CountCharacters(before.substr(start)) + 1, ": ", error.message));
}

std::string_view JsonTypeName(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a number with a fraction or exponent";
    default:
      return "something else";
  }
}

}  // namespace attune
