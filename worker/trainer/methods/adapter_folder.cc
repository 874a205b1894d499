// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/adapter_folder.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "formats/files/regular_file.h"
#include "formats/json/strict_json.h"
#include "formats/weights/encoder_tensors.h"
#include "formats/weights/safetensors.h"
#include "nlohmann/json.hpp"
#include "worker/trainer/methods/lora.h"
#include "worker/trainer/models/weights_file.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr const char* kPrefix = "base_model.model.";

// "all-linear" is written out: what it means would otherwise depend on who reads it.
std::vector<std::string> TargetsOf(const LoraSpec& lora, TextClassifier& model) {
  const std::vector<std::string>& targets = lora.target_modules;
  const bool all = std::find(targets.begin(), targets.end(), kAllLinear) != targets.end();
  return all ? AdaptedModules(model.linears()) : targets;
}

// PEFT finds them by the ends of names: "classifier" is also distilbert's pre_classifier.
std::vector<std::string> SavedModules(TextClassifier& model) {
  std::vector<std::string> modules = {"classifier", "score"};
  const bool pooler = model.config().model_type == "bert" && model.head().new_dense();
  if (pooler) modules.push_back("pooler");
  return modules;
}

std::string ConfigJson(const TrainerSpec& spec, TextClassifier& model) {
  const Json config = {{"base_model_name_or_path", spec.base_model_name},
                       {"bias", "none"},
                       {"fan_in_fan_out", false},
                       {"inference_mode", true},
                       {"init_lora_weights", true},
                       {"lora_alpha", spec.lora.alpha},
                       {"lora_dropout", spec.lora.dropout},
                       {"modules_to_save", SavedModules(model)},
                       {"peft_type", "LORA"},
                       {"r", spec.lora.rank},
                       {"target_modules", TargetsOf(spec.lora, model)},
                       {"task_type", "SEQ_CLS"},
                       {"use_dora", false},
                       {"use_rslora", spec.lora.rslora}};
  return config.dump(2) + "\n";
}

std::vector<NamedTensor> AdapterTensors(TextClassifier& model) {
  std::vector<NamedTensor> tensors = ValuesOf(model.trained_parameters());
  for (NamedTensor& t : tensors) t.name.insert(0, kPrefix);
  return tensors;
}

absl::Status NotAnAdapter(const std::string& what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat("The adapter cannot be used: ", what));
}

absl::StatusOr<LoraSpec> ReadConfig(const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string text,
                          PosixFileSystem().ReadFile(JoinPath(dir, kConfigFile)));
  ATTUNE_ASSIGN_OR_RETURN(const Json json, ParseJsonFile(text, kConfigFile));
  LoraSpec lora;
  try {
    json.at("r").get_to(lora.rank);
    json.at("lora_alpha").get_to(lora.alpha);
    json.at("target_modules").get_to(lora.target_modules);
    json.at("use_rslora").get_to(lora.rslora);
  } catch (const nlohmann::json::exception& e) {
    return NotAnAdapter(absl::StrCat(kConfigFile, ": ", e.what()));
  }
  if (lora.rank < 1) return NotAnAdapter(absl::StrCat(kConfigFile, ": r is ", lora.rank));
  return lora;
}

absl::StatusOr<int64_t> ClassesOf(const EncoderConfig& config, const std::string& weights) {
  ATTUNE_ASSIGN_OR_RETURN(RegularFile raw, RegularFile::Open(weights));
  ATTUNE_ASSIGN_OR_RETURN(const SafetensorsFile file,
                          SafetensorsFile::Open(std::move(raw), kWeightsFile));
  const std::string name = absl::StrCat(kPrefix, ExportName(config, "head.out.weight"));
  const TensorInfo* head = file.Find(name);
  if (head == nullptr || head->shape.size() != 2) {
    return NotAnAdapter(absl::StrCat(kWeightsFile, " has no ", name));
  }
  return head->shape[0];
}

}  // namespace

absl::Status WriteAdapterFolder(const TrainerSpec& spec, TextClassifier& model,
                                const std::string& dir) {
  ATTUNE_RETURN_IF_ERROR(
      PosixFileSystem().WriteFileAtomically(JoinPath(dir, kConfigFile), ConfigJson(spec, model)));
  return WriteTensors(JoinPath(dir, kWeightsFile), AdapterTensors(model));
}

absl::StatusOr<std::unique_ptr<TextClassifier>> LoadWithAdapter(const ModelFolder& base,
                                                                const std::string& dir) {
  const std::string weights = JoinPath(dir, kWeightsFile);
  ATTUNE_ASSIGN_OR_RETURN(const LoraSpec lora, ReadConfig(dir));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t classes, ClassesOf(base.config(), weights));
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<TextClassifier> model,
                          TextClassifier::Load(base, classes, 0));
  ATTUNE_RETURN_IF_ERROR(AddAdapters(lora, 0, *model));
  const absl::Status read = ReadTensors(weights, AdapterTensors(*model));
  if (!read.ok()) return NotAnAdapter(std::string(read.message()));
  return model;
}

}  // namespace attune
