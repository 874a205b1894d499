// SPDX-License-Identifier: Apache-2.0
// Structs to JSON objects and back, strictly. A struct lists its keys once, in a function template
// found next to it, which both sides walk:
//
//   template <typename V>
//   void Fields(V& v, typename V::template Ref<Point> point) {
//     v.Key("x", point.x);
//     v.Key("y", point.y);
//   }
//
// Members may be strings, bool, int, int64_t, uint64_t, double, such structs, and vector,
// map<string, …> and optional of these. For .cc files; not thread-safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "nlohmann/json.hpp"

namespace attune {

// Builds one JSON object, with its keys sorted (nlohmann::json) or in the order of the calls
// (nlohmann::ordered_json).
template <typename Json>
class BasicJsonWriter {
 public:
  template <typename T>
  using Ref = const T&;

  template <typename T>
  void Required(const char* key, const T& value) {
    Key(key, value);
  }
  template <typename T>
  void Key(const char* key, const T& value) {
    object_[key] = Encode(value);
  }
  template <typename T>
  void Key(const char* key, const std::optional<T>& value) {
    if (value) object_[key] = Encode(*value);
  }
  Json& object() { return object_; }

 private:
  // JSON has no NaN and no infinity.
  static Json Encode(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
  template <typename T>
  static Json Encode(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(Encode(value));
    return array;
  }
  template <typename T>
  static Json Encode(const std::map<std::string, T>& values) {
    Json object = Json::object();
    for (const auto& [key, value] : values) object[key] = Encode(value);
    return object;
  }
  template <typename T>
  static Json Encode(const T& value) {
    if constexpr (std::is_aggregate_v<T>) {
      BasicJsonWriter writer;
      Fields(writer, value);
      return std::move(writer.object_);
    } else {
      return value;
    }
  }

  Json object_ = Json::object();
};

using JsonWriter = BasicJsonWriter<nlohmann::json>;
using OrderedJsonWriter = BasicJsonWriter<nlohmann::ordered_json>;

// Where a value is: made on the stack while reading, spelt out only when something is wrong.
struct JsonPath {
  const JsonPath* parent = nullptr;
  std::string_view key;  // empty: an array's element
  size_t index = 0;

  std::string Text() const {  // "files[0].path"
    const std::string before = parent == nullptr ? "" : parent->Text();
    if (key.empty()) return absl::StrCat(before, "[", index, "]");
    constexpr size_t kMaxKey = 64;  // a peer's map may have keys of any length
    return absl::StrCat(before, before.empty() ? "" : ".", std::string(key.substr(0, kMaxKey)));
  }
};

enum class JsonSource { kFrame, kFile };

// Reads one JSON object and collects what is wrong with it, up to a limit. In a frame every key
// must be there; in a file written by hand only the Required ones must, and no others may.
class JsonReader {
 public:
  template <typename T>
  using Ref = T&;

  // Without a path: the outermost object.
  JsonReader(const nlohmann::json& object, JsonSource source, std::vector<FieldViolation>& wrong,
             const JsonPath* path = nullptr)
      : object_(object), source_(source), wrong_(wrong), path_(path) {}

  template <typename T>
  void Required(const char* key, T& value) {
    if (const nlohmann::json* json = Find(key)) {
      Decode(*json, {path_, key}, value);
    } else {
      Wrong(key, "is missing");
    }
  }
  template <typename T>
  void Key(const char* key, T& value) {
    if (source_ == JsonSource::kFrame) return Required(key, value);
    if (const nlohmann::json* json = Find(key)) Decode(*json, {path_, key}, value);
  }
  template <typename T>
  void Key(const char* key, std::optional<T>& value) {
    if (const nlohmann::json* json = Find(key)) Decode(*json, {path_, key}, value.emplace());
  }

  // Call last.
  void RefuseUnknownKeys() {
    if (source_ != JsonSource::kFile) return;
    for (const auto& [key, item] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
        Wrong(key, "is not a known key");
      }
    }
  }

  // Of a key of this object.
  void Wrong(std::string_view key, std::string description) {
    Add({path_, key}, std::move(description));
  }

 private:
  const nlohmann::json* Find(const char* key) {
    known_.push_back(key);
    auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  void Add(const JsonPath& path, std::string description) {
    constexpr size_t kMaxViolations = 50;
    if (wrong_.size() < kMaxViolations) wrong_.push_back({path.Text(), std::move(description)});
  }
  void IllTyped(const JsonPath& path, const char* wanted, const nlohmann::json& got) {
    Add(path, absl::StrCat("must be ", wanted, ", got ", got.type_name()));
  }

  void Decode(const nlohmann::json& json, const JsonPath& path, std::string& value) {
    if (!json.is_string()) return IllTyped(path, "a string", json);
    value = json.get_ref<const std::string&>();
  }
  void Decode(const nlohmann::json& json, const JsonPath& path, bool& value) {
    if (!json.is_boolean()) return IllTyped(path, "true or false", json);
    value = json.get<bool>();
  }
  void Decode(const nlohmann::json& json, const JsonPath& path, double& value) {
    if (json.is_null() && source_ == JsonSource::kFrame) {
      value = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    if (!json.is_number()) return IllTyped(path, "a number", json);
    value = json.get<double>();
  }
  void Decode(const nlohmann::json& json, const JsonPath& path, uint64_t& value) {
    if (!json.is_number_unsigned()) return IllTyped(path, "a whole number >= 0", json);
    value = json.get<uint64_t>();
  }
  void Decode(const nlohmann::json& json, const JsonPath& path, int64_t& value) {
    DecodeSigned(json, path, value);
  }
  void Decode(const nlohmann::json& json, const JsonPath& path, int& value) {
    DecodeSigned(json, path, value);
  }
  template <typename T>
  void DecodeSigned(const nlohmann::json& json, const JsonPath& path, T& value) {
    if (!json.is_number_integer()) return IllTyped(path, "a whole number", json);
    constexpr T kMin = std::numeric_limits<T>::min(), kMax = std::numeric_limits<T>::max();
    // What is unsigned for nlohmann may be above int64's maximum.
    const bool in_int64 =
        !json.is_number_unsigned() ||
        json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    const int64_t number = json.get<int64_t>();
    if (!in_int64 || number < kMin || number > kMax) {
      return Add(path, absl::StrCat("must be between ", kMin, " and ", kMax));
    }
    value = static_cast<T>(number);
  }
  template <typename T>
  void Decode(const nlohmann::json& json, const JsonPath& path, std::vector<T>& values) {
    if (!json.is_array()) return IllTyped(path, "an array", json);
    values.clear();
    for (const nlohmann::json& item : json) {
      const JsonPath at{&path, "", values.size()};
      Decode(item, at, values.emplace_back());
    }
  }
  template <typename T>
  void Decode(const nlohmann::json& json, const JsonPath& path, std::map<std::string, T>& values) {
    if (!json.is_object()) return IllTyped(path, "an object", json);
    values.clear();
    for (const auto& [key, item] : json.items()) {
      Decode(item, {&path, key}, values[key]);
    }
  }
  template <typename T>
  void Decode(const nlohmann::json& json, const JsonPath& path, T& value) {
    if (!json.is_object()) return IllTyped(path, "an object", json);
    JsonReader reader(json, source_, wrong_, &path);
    Fields(reader, value);
    reader.RefuseUnknownKeys();
  }

  const nlohmann::json& object_;
  const JsonSource source_;
  std::vector<FieldViolation>& wrong_;
  const JsonPath* const path_;
  std::vector<std::string_view> known_;
};

}  // namespace attune
