// SPDX-License-Identifier: Apache-2.0
// Typed look-ups in a model's config.json that report what is not as it must be.
#pragma once

#include <cstdint>
#include <string>

#include "formats/json/strict_json.h"
#include "formats/problems.h"

namespace attune {

class ConfigReader {
 public:
  using Json = nlohmann::ordered_json;

  // `json` is an object, and like `problems` outlives the reader; `file` is its name in problems.
  ConfigReader(std::string file, const Json& json, Problems& problems)
      : file_(std::move(file)), json_(json), problems_(problems) {}

  void Refuse(std::string message, std::string remedy);

  // nullptr when absent or null, which transformers takes for absent.
  const Json* Find(const char* key) const;

  // *out stays as it is when the key is absent, or its value is refused.
  void Integer(const char* key, int64_t low, int64_t high, int64_t* out);
  void Real(const char* key, double low, double high, double* out);
  // Where only one value of a key is supported.
  void Only(const char* key, const Json& supported, const char* remedy);

  // A value in an error text.
  static std::string Text(const Json& value);

 private:
  const std::string file_;
  const Json& json_;
  Problems& problems_;
};

}  // namespace attune
