// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/sentence_modules.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kModules[] = "modules.json";
constexpr char kIdentity[] = "torch.nn.modules.linear.Identity";
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

// Nothing when it is no object.
std::optional<Json> ParseObject(std::string_view text, const std::string& where,
                                Problems& problems) {
  const absl::StatusOr<Json> json = ParseJsonFile(text, where);
  if (json.ok() && json->is_object()) return *json;
  problems.Add({where, 0, 0,
                json.ok() ? "expected an object" : std::string(json.status().message()), kOwnFile});
  return std::nullopt;
}

// As `pooling_mode` of later releases has it: one mode, or a list of them.
std::string ModesOf(const Json& config) {
  const auto found = config.find("pooling_mode");
  if (found == config.end() || !found->is_array()) return TextAt(config, "pooling_mode");
  std::string modes;
  for (const Json& mode : *found) {
    if (!mode.is_string()) return "";
    absl::StrAppend(&modes, modes.empty() ? "" : "+", mode.get<std::string>());
  }
  return modes;
}

Json ModuleJson(int index, const std::string& path, const char* kind) {
  return {{"idx", index},
          {"name", absl::StrCat(index)},
          {"path", path},
          {"type", absl::StrCat("sentence_transformers.models.", kind)}};
}

std::string FileText(const Json& json) { return json.dump(2) + "\n"; }

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
  bool last_pools = false;
  for (const Json& module : *json) {
    const std::string type = module.is_object() ? TextAt(module, "type") : "";
    const std::string kind = type.substr(type.rfind('.') + 1);  // all of it when it has no dot
    const bool behind_pooling = std::exchange(last_pools, kind == "Pooling");
    modules.dense.clear();  // of a module that is not the last
    if (kind != "Transformer" && kind != "Pooling" && !(kind == "Dense" && behind_pooling))
      continue;
    const std::string path = TextAt(module, "path");
    if (!IsPlainName(path)) {
      refuse(absl::StrCat("path '", Printable(path), "' of ", kind, " is not one folder's name"));
    } else if (kind == "Transformer") {
      modules.transformer = path;
    } else if (kind == "Pooling") {
      modules.pooling = path;
    } else {
      modules.dense = path;
    }
  }
  return modules;
}

std::string ParsePooling(std::string_view text, const std::string& where, Problems& problems) {
  const std::optional<Json> json = ParseObject(text, where, problems);
  if (!json.has_value()) return "";
  std::string pooling = ModesOf(*json);
  for (const auto& [key, mode] : kModes) {
    const auto flag = json->find(key);
    if (flag == json->end() || *flag != true) continue;
    absl::StrAppend(&pooling, pooling.empty() ? "" : "+", mode);
  }
  if (pooling.empty()) problems.Add({where, 0, 0, "no pooling mode is set", kOwnFile});
  return pooling;
}

std::optional<int64_t> ParseLinear(std::string_view text, int64_t hidden, const std::string& where,
                                   Problems& problems) {
  const std::optional<Json> json = ParseObject(text, where, problems);
  if (!json.has_value()) return std::nullopt;
  const auto is = [&](const char* key, const Json& value, bool absent_too) {
    const auto found = json->find(key);
    return found == json->end() ? absent_too : *found == value;
  };
  const auto outputs = json->find("out_features");
  const bool linear = TextAt(*json, "activation_function") == kIdentity &&
                      is("in_features", hidden, false) && is("bias", true, true) &&
                      is("use_residual", false, true) &&
                      is("module_input_name", "sentence_embedding", true);
  if (!linear || outputs == json->end() || !outputs->is_number_unsigned()) return std::nullopt;
  return outputs->get<int64_t>();
}

std::map<std::string, std::string> SentenceFiles(int64_t hidden, int64_t outputs,
                                                 int64_t max_length) {
  constexpr char kPoolingFolder[] = "1_Pooling";
  Json pooling = {{"word_embedding_dimension", hidden}};
  for (const auto& [key, mode] : kModes) pooling[key] = std::string_view(mode) == "mean";
  const Json dense = {{"in_features", hidden},
                      {"out_features", outputs},
                      {"bias", true},
                      {"activation_function", kIdentity}};
  const Json modules = {ModuleJson(0, "", "Transformer"), ModuleJson(1, kPoolingFolder, "Pooling"),
                        ModuleJson(2, kDenseFolder, "Dense")};
  const Json transformer = {{"max_seq_length", max_length}, {"do_lower_case", false}};
  return {{"modules.json", FileText(modules)},
          {"sentence_bert_config.json", FileText(transformer)},
          {absl::StrCat(kPoolingFolder, "/config.json"), FileText(pooling)},
          {absl::StrCat(kDenseFolder, "/config.json"), FileText(dense)}};
}

}  // namespace attune
