// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/config_reader.h"

#include "absl/strings/str_cat.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr char kOwnConfig[] = "Use the config.json that belongs to the weights.";

}  // namespace

void ConfigReader::Refuse(std::string message, std::string remedy) {
  problems_.Add({file_, 0, 0, std::move(message), std::move(remedy)});
}

const ConfigReader::Json* ConfigReader::Find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void ConfigReader::Integer(const char* key, int64_t low, int64_t high, int64_t* out) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  const bool fits = value->is_number_unsigned() ? value->get<uint64_t>() <= uint64_t{INT64_MAX}
                                                : value->is_number_integer();
  const int64_t number = fits ? value->get<int64_t>() : 0;
  if (!fits || number < low || number > high) {
    Refuse(
        absl::StrCat(key, " must be an integer from ", low, " to ", high, ", got ", Text(*value)),
        kOwnConfig);
    return;
  }
  *out = number;
}

void ConfigReader::Real(const char* key, double low, double high, double* out) {
  const Json* value = Find(key);
  if (value == nullptr) return;
  const double number = value->is_number() ? value->get<double>() : high + 1;
  if (!(number >= low && number <= high)) {
    Refuse(absl::StrCat(key, " must be a number from ", low, " to ", high, ", got ", Text(*value)),
           kOwnConfig);
    return;
  }
  *out = number;
}

void ConfigReader::Only(const char* key, const Json& supported, const char* remedy) {
  const Json* value = Find(key);
  if (value == nullptr || *value == supported) return;
  Refuse(absl::StrCat(key, " ", Text(*value), " is not supported; supported: ", Text(supported)),
         remedy);
}

std::string ConfigReader::Text(const Json& value) {
  return Printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 40);
}

}  // namespace attune
