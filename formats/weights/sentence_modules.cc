// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/sentence_modules.h"

#include "absl/strings/str_cat.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kModules[] = "modules.json";
constexpr char kOwnFile[] = "Hand in the file that sentence-transformers saved.";

// Prefix of the flags in a pooling's config.json, and what they stand for.
constexpr std::pair<const char*, const char*> kModes[] = {
    {"pooling_mode_cls_token", "cls"},
    {"pooling_mode_mean_tokens", "mean"},
    {"pooling_mode_max_tokens", "max"},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len"},
    {"pooling_mode_weightedmean_tokens", "weightedmean"},
    {"pooling_mode_lasttoken", "lasttoken"},
};

// "" when the object has no text under the key.
std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool IsPlainName(const std::string& path) {
  return path != "." && path != ".." && path.find_first_of("/\\") == std::string::npos;
}

}  // namespace

SentenceModules ParseSentenceModules(std::string_view modules_json, Problems& problems) {
  SentenceModules modules;
  const auto refuse = [&problems](std::string why) {
    problems.Add({kModules, 0, 0, std::move(why), kOwnFile});
  };
  const absl::StatusOr<Json> json = ParseJsonFile(modules_json, kModules);
  if (!json.ok() || !json->is_array()) {
    refuse(json.ok() ? "expected a list" : std::string(json.status().message()));
    return modules;
  }
  for (const Json& module : *json) {
    const std::string type = module.is_object() ? TextAt(module, "type") : "";
    const std::string kind = type.substr(type.rfind('.') + 1);  // all of it when it has no dot
    if (kind != "Transformer" && kind != "Pooling") continue;
    const std::string path = TextAt(module, "path");
    if (!IsPlainName(path)) {
      refuse(absl::StrCat("path '", Printable(path), "' of ", kind, " is not one folder's name"));
    } else if (kind == "Transformer") {
      modules.transformer = path;
    } else {
      modules.pooling = path;
    }
  }
  return modules;
}

std::string ParsePooling(std::string_view text, const std::string& where, Problems& problems) {
  const absl::StatusOr<Json> json = ParseJsonFile(text, where);
  if (!json.ok() || !json->is_object()) {
    problems.Add({where, 0, 0,
                  json.ok() ? "expected an object" : std::string(json.status().message()),
                  kOwnFile});
    return "";
  }
  std::string pooling = TextAt(*json, "pooling_mode");  // instead of flags, in later versions
  for (const auto& [key, mode] : kModes) {
    const auto flag = json->find(key);
    if (flag == json->end() || *flag != true) continue;
    absl::StrAppend(&pooling, pooling.empty() ? "" : "+", mode);
  }
  if (pooling.empty()) problems.Add({where, 0, 0, "no pooling mode is set", kOwnFile});
  return pooling;
}

}  // namespace attune
