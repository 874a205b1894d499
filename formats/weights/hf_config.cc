// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/hf_config.h"

#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"
#include "formats/weights/config_reader.h"
#include "formats/weights/problem_type.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "config.json";
constexpr char kOwnConfig[] = "Use the config.json that belongs to the weights.";

// What the config of a model type calls things; nullptr: it has no such key.
struct FamilyKeys {
  std::string_view model_type, class_prefix;
  const char *hidden_size, *layers, *heads, *intermediate_size;
  const char *type_vocab_size, *layer_norm_eps;
  const char *hidden_dropout, *attention_dropout, *classifier_dropout, *activation;
};

constexpr FamilyKeys kFamilies[] = {
    {"bert", "Bert", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
     "type_vocab_size", "layer_norm_eps", "hidden_dropout_prob", "attention_probs_dropout_prob",
     "classifier_dropout", "hidden_act"},
    {"roberta", "Roberta", "hidden_size", "num_hidden_layers", "num_attention_heads",
     "intermediate_size", "type_vocab_size", "layer_norm_eps", "hidden_dropout_prob",
     "attention_probs_dropout_prob", "classifier_dropout", "hidden_act"},
    {"distilbert", "DistilBert", "dim", "n_layers", "n_heads", "hidden_dim", nullptr, nullptr,
     "dropout", "attention_dropout", "seq_classif_dropout", "activation"},
};
constexpr char kSupported[] = "bert, roberta, distilbert";

// nullptr: none of the supported ones.
const FamilyKeys* FindFamily(const Json* model_type) {
  if (model_type == nullptr || !model_type->is_string()) return nullptr;
  for (const FamilyKeys& family : kFamilies) {
    if (model_type->get_ref<const std::string&>() == family.model_type) return &family;
  }
  return nullptr;
}

EncoderConfig DefaultsOf(std::string_view model_type) {
  EncoderConfig config;
  config.model_type = model_type;
  if (model_type == "roberta") {
    config.vocab_size = 50265;
    config.pad_token_id = 1;
  } else if (model_type == "distilbert") {
    config.layers = 6;
    config.type_vocab_size = 0;
    config.classifier_dropout = 0.2;
  }
  return config;
}

void RefuseCode(ConfigReader& reader) {
  for (const char* key : {"auto_map", "trust_remote_code", "custom_pipelines"}) {
    if (reader.Find(key) != nullptr) {
      reader.Refuse(absl::StrCat(key, " points to code, and code in a model never runs here"),
                    absl::StrCat("Use a model of a built-in architecture: ", kSupported, "."));
    }
  }
}

void RefuseModelType(ConfigReader& reader) {
  const Json* type = reader.Find("model_type");
  reader.Refuse(
      absl::StrCat("model_type ",
                   type == nullptr ? std::string("is missing")
                                   : absl::StrCat(ConfigReader::Text(*type), " is not supported"),
                   "; supported: ", kSupported),
      "Choose a BERT, RoBERTa or DistilBERT model, for example all-MiniLM-L6-v2, "
      "roberta-base or distilbert-base-uncased.");
}

void ReadArchitecture(ConfigReader& reader, const FamilyKeys& family, EncoderConfig* config) {
  const Json* list = reader.Find("architectures");
  if (list == nullptr || (list->is_array() && list->empty())) return;
  if (!list->is_array() || !list->front().is_string()) {
    reader.Refuse("architectures must be a list of names", "Use the model's own config.json.");
    return;
  }
  config->architecture = list->front().get<std::string>();
  const std::string prefix(family.class_prefix);
  if (config->architecture.rfind(prefix, 0) == 0) return;
  reader.Refuse(
      absl::StrCat("architecture '", Printable(config->architecture, 60),
                   "' is not supported; supported for model_type ", config->model_type, ": ",
                   prefix, "Model, ", prefix, "ForSequenceClassification, ", prefix, "ForMaskedLM"),
      "Choose a model of one of these.");
}

void ReadSizes(ConfigReader& reader, const FamilyKeys& family, EncoderConfig* config) {
  reader.Integer("vocab_size", 1, 1'000'000, &config->vocab_size);
  reader.Integer(family.hidden_size, 1, 65'536, &config->hidden_size);
  reader.Integer(family.layers, 1, 1'000, &config->layers);
  reader.Integer(family.heads, 1, 4'096, &config->heads);
  reader.Integer(family.intermediate_size, 1, 1 << 20, &config->intermediate_size);
  reader.Integer("max_position_embeddings", 3, 1 << 20, &config->max_positions);
  if (family.type_vocab_size != nullptr) {
    reader.Integer(family.type_vocab_size, 1, 1'024, &config->type_vocab_size);
  }
  reader.Integer("pad_token_id", 0, config->vocab_size - 1, &config->pad_token_id);
  if (config->hidden_size % config->heads != 0) {
    reader.Refuse(absl::StrCat(family.hidden_size, " ", config->hidden_size, " is no multiple of ",
                               family.heads, " ", config->heads),
                  kOwnConfig);
  }
  if (config->Parameters() > kMaxParameters) {
    reader.Refuse(absl::StrCat("the sizes make ", config->Parameters(), " parameters; at most ",
                               kMaxParameters, " are accepted"),
                  "Choose a smaller model.");
  }
}

// RoBERTa counts the positions of a text from the one behind the padding's.
void SetFirstPosition(ConfigReader& reader, EncoderConfig* config) {
  if (config->model_type != "roberta") return;
  config->first_position = config->pad_token_id + 1;
  if (config->max_length() >= 3) return;
  reader.Refuse(
      absl::StrCat("max_position_embeddings ", config->max_positions,
                   " leaves no room for a text: the first position is pad_token_id + 1 = ",
                   config->first_position),
      kOwnConfig);
}

void ReadNumbers(ConfigReader& reader, const FamilyKeys& family, EncoderConfig* config) {
  if (family.layer_norm_eps != nullptr) {
    reader.Real(family.layer_norm_eps, 1e-15, 1, &config->layer_norm_eps);
  }
  reader.Real("initializer_range", 0, 10, &config->initializer_range);
  reader.Real(family.hidden_dropout, 0, 0.999, &config->hidden_dropout);
  reader.Real(family.attention_dropout, 0, 0.999, &config->attention_dropout);
  if (config->model_type != "distilbert") config->classifier_dropout = config->hidden_dropout;
  reader.Real(family.classifier_dropout, 0, 0.999, &config->classifier_dropout);
  reader.Only(family.activation, "gelu", "Choose a model with the exact GELU.");
  reader.Only("position_embedding_type", "absolute", "Choose a model with absolute positions.");
  reader.Only("is_decoder", false, "Choose an encoder.");
  reader.Only("add_cross_attention", false, "Choose an encoder.");
}

void ReadLabels(ConfigReader& reader, EncoderConfig* config) {
  const Json* labels = reader.Find("id2label");
  if (labels == nullptr) return;
  std::map<int64_t, std::string> by_id;
  bool good = labels->is_object();
  if (good) {
    for (const auto& item : labels->items()) {
      int64_t id = 0;
      good = good && absl::SimpleAtoi(item.key(), &id) && item.value().is_string();
      if (good) by_id[id] = item.value().get<std::string>();
    }
    good = good && by_id.size() == labels->size() &&
           (by_id.empty() || (by_id.begin()->first == 0 &&
                              by_id.rbegin()->first == static_cast<int64_t>(by_id.size()) - 1));
  }
  if (!good) {
    reader.Refuse("id2label must map \"0\", \"1\", … to names", "Correct or remove id2label.");
    return;
  }
  for (auto& [id, label] : by_id) config->labels.push_back(std::move(label));
}

}  // namespace

int64_t EncoderConfig::Parameters() const {
  const int64_t h = hidden_size, f = intermediate_size;
  const int64_t embeddings = (vocab_size + max_positions + type_vocab_size + 2) * h;
  const int64_t layer = 4 * (h * h + h) + 2 * h * f + f + h + 4 * h;
  return embeddings + layers * layer + h * h + h;
}

EncoderConfig ParseEncoderConfig(std::string_view text, Problems& problems) {
  EncoderConfig config;
  const absl::StatusOr<Json> json = ParseJsonFile(text, kFile);
  if (!json.ok() || !json->is_object()) {
    const std::string why = json.ok() ? absl::StrCat(kFile, ": expected an object")
                                      : std::string(json.status().message());
    problems.Add(why, "Write it as plain JSON, as transformers does.");
    return config;
  }
  ConfigReader reader(kFile, *json, problems);
  RefuseCode(reader);
  const FamilyKeys* family = FindFamily(reader.Find("model_type"));
  if (family == nullptr) {
    RefuseModelType(reader);
    return config;
  }
  config = DefaultsOf(family->model_type);
  ReadArchitecture(reader, *family, &config);
  ReadSizes(reader, *family, &config);
  SetFirstPosition(reader, &config);
  ReadNumbers(reader, *family, &config);
  ReadProblemType(reader, &config.problem_type);
  ReadLabels(reader, &config);
  return config;
}

absl::StatusOr<std::string> ConfigForClassifier(std::string_view text,
                                                const std::vector<std::string>& labels,
                                                std::string_view problem_type, Pooling pooling) {
  ATTUNE_ASSIGN_OR_RETURN(Json json, ParseJsonFile(text, kFile));
  if (!json.is_object()) return absl::InvalidArgumentError("config.json: expected an object");
  const auto type = json.find("model_type");
  const FamilyKeys* family = FindFamily(type == json.end() ? nullptr : &*type);
  if (family == nullptr) return absl::InvalidArgumentError("config.json: another model_type");
  const bool unnamed = problem_type == "regression" && labels.empty();
  const std::vector<std::string> names = unnamed ? std::vector<std::string>{"LABEL_0"} : labels;
  const char* kind = pooling == Pooling::kMean ? "Model" : "ForSequenceClassification";
  json["architectures"] = Json::array({absl::StrCat(std::string(family->class_prefix), kind)});
  json["problem_type"] = std::string(problem_type);
  Json id2label = Json::object(), label2id = Json::object();
  for (size_t i = 0; i < names.size(); ++i) {
    id2label[absl::StrCat(i)] = names[i];
    label2id[names[i]] = i;
  }
  json["id2label"] = std::move(id2label);
  json["label2id"] = std::move(label2id);
  if (json.contains("num_labels")) json["num_labels"] = names.size();
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (json.contains(key)) json[key] = "float32";
  }
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace attune
