// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/image_model_config.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"
#include "formats/weights/config_reader.h"
#include "formats/weights/efficientnet_plan.h"
#include "formats/weights/problem_type.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "config.json";
constexpr char kOwnConfig[] = "Use the config.json that belongs to the weights.";
constexpr int64_t kMaxClasses = 100'000;
constexpr double kTimmCropShare = 0.875;

void ReadArchitecture(ConfigReader& reader, ImageModelConfig* config) {
  const Json* name = reader.Find("architecture");
  if (name != nullptr && name->is_string()) config->architecture = name->get<std::string>();
  if (EfficientNetPlanOf(config->architecture).has_value()) return;
  reader.Refuse(
      absl::StrCat("architecture ",
                   name == nullptr ? std::string("is missing")
                                   : absl::StrCat(ConfigReader::Text(*name), " is not supported"),
                   "; supported: tf_efficientnet_lite0, tf_efficientnet_lite1, "
                   "tf_efficientnet_lite2"),
      "Choose an EfficientNet-Lite model in timm's layout.");
}

void ReadLabels(ConfigReader& reader, ImageModelConfig* config) {
  const Json* names = reader.Find("label_names");
  if (names == nullptr) return;
  bool good = names->is_array() && static_cast<int64_t>(names->size()) == config->classes;
  for (const Json& name : good ? *names : Json::array()) {
    good = good && name.is_string();
    if (good) config->labels.push_back(name.get<std::string>());
  }
  if (good) return;
  reader.Refuse(
      absl::StrCat("label_names must be a list of num_classes = ", config->classes, " names"),
      "Correct or remove label_names.");
}

// [3, size, size]
void ReadInputSize(ConfigReader& reader, ImageTransform* transform) {
  const Json* size = reader.Find("input_size");
  const bool three = size != nullptr && size->is_array() && size->size() == 3 && (*size)[0] == 3 &&
                     (*size)[1] == (*size)[2] && (*size)[1].is_number_integer();
  const int64_t side = three ? (*size)[1].get<int64_t>() : 0;
  if (side >= kMinImageSide && side <= kMaxImageSide) {
    transform->size = side;
    return;
  }
  reader.Refuse(absl::StrCat("pretrained_cfg.input_size must be [3, N, N] with N from ",
                             kMinImageSide, " to ", kMaxImageSide, ", got ",
                             size == nullptr ? "nothing" : ConfigReader::Text(*size)),
                kOwnConfig);
}

// Three numbers in [low, 10], one for each of red, green and blue.
void ReadColours(ConfigReader& reader, const char* key, double low, std::array<float, 3>* out) {
  const Json* list = reader.Find(key);
  bool good = list != nullptr && list->is_array() && list->size() == out->size();
  for (size_t i = 0; good && i < out->size(); ++i) {
    const double value = (*list)[i].is_number() ? (*list)[i].get<double>() : low - 1;
    good = value >= low && value <= 10;
    (*out)[i] = static_cast<float>(value);
  }
  if (good) return;
  reader.Refuse(
      absl::StrCat("pretrained_cfg.", key, " must be three numbers from ", low, " to 10, got ",
                   list == nullptr ? "nothing" : ConfigReader::Text(*list)),
      kOwnConfig);
}

void ReadInterpolation(ConfigReader& reader, ImageTransform* transform) {
  const Json* name = reader.Find("interpolation");
  if (name == nullptr || *name == "bicubic") return;  // timm's default
  if (*name == "bilinear") {
    transform->filter = ResizeFilter::kBilinear;
    return;
  }
  reader.Refuse(absl::StrCat("pretrained_cfg.interpolation ", ConfigReader::Text(*name),
                             " is not supported; supported: bicubic, bilinear"),
                "Choose a model that was evaluated with one of these.");
}

void ReadTransform(const Json& pretrained, Problems& problems, ImageTransform* transform) {
  ConfigReader reader(kFile, pretrained, problems);
  ReadInputSize(reader, transform);
  ReadColours(reader, "mean", -10, &transform->mean);
  ReadColours(reader, "std", 1e-6, &transform->std);
  ReadInterpolation(reader, transform);
  transform->crop_share = kTimmCropShare;
  reader.Real("crop_pct", 0.1, 1, &transform->crop_share);
  reader.Only("crop_mode", "center", "Choose a model that was evaluated on the centre.");
}

}  // namespace

bool IsImageModelConfig(std::string_view text) {
  const absl::StatusOr<Json> json = ParseJsonFile(text, kFile);
  if (!json.ok() || !json->is_object()) return false;
  return json->contains("pretrained_cfg") ||
         (json->contains("architecture") && !json->contains("model_type"));
}

ImageModelConfig ParseImageModelConfig(std::string_view text, Problems& problems) {
  ImageModelConfig config;
  const absl::StatusOr<Json> json = ParseJsonFile(text, kFile);
  if (!json.ok() || !json->is_object()) {
    problems.Add(json.ok() ? absl::StrCat(kFile, ": expected an object")
                           : std::string(json.status().message()),
                 "Write it as plain JSON, as timm does.");
    return config;
  }
  ConfigReader reader(kFile, *json, problems);
  ReadArchitecture(reader, &config);
  reader.Integer("num_classes", 0, kMaxClasses, &config.classes);
  ReadLabels(reader, &config);
  ReadProblemType(reader, &config.problem_type);
  const Json* pretrained = reader.Find("pretrained_cfg");
  if (pretrained == nullptr || !pretrained->is_object()) {
    reader.Refuse("pretrained_cfg, which says how the model wants its images, is missing",
                  kOwnConfig);
    return config;
  }
  ReadTransform(*pretrained, problems, &config.transform);
  return config;
}

absl::StatusOr<std::string> ConfigForImageClassifier(std::string_view text,
                                                     const std::vector<std::string>& labels,
                                                     std::string_view problem_type, int64_t size) {
  ATTUNE_ASSIGN_OR_RETURN(Json json, ParseJsonFile(text, kFile));
  if (!json.is_object() || !json.contains("pretrained_cfg") ||
      !json["pretrained_cfg"].is_object()) {
    return absl::InvalidArgumentError("config.json: expected an object with pretrained_cfg");
  }
  const bool unnamed = problem_type == "regression" && labels.empty();
  const std::vector<std::string> names = unnamed ? std::vector<std::string>{"LABEL_0"} : labels;
  json["num_classes"] = names.size();
  json["label_names"] = names;
  json["problem_type"] = std::string(problem_type);
  json.erase("label_descriptions");
  Json& pretrained = json["pretrained_cfg"];
  pretrained["input_size"] = {3, size, size};
  if (pretrained.contains("num_classes")) pretrained["num_classes"] = names.size();
  for (const char* key : {"label_names", "label_descriptions"}) pretrained.erase(key);
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace attune
