// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/hf_config.h"

#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "config.json";

// Typed look-ups in config.json that report what is not as it must be.
class ConfigReader {
 public:
  ConfigReader(const Json& json, Problems& problems) : json_(json), problems_(problems) {}

  void Refuse(std::string message, std::string remedy) {
    problems_.Add({kFile, 0, 0, std::move(message), std::move(remedy)});
  }

  // nullptr when absent or null, which transformers takes for absent.
  const Json* Find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  void Integer(const char* key, int64_t low, int64_t high, int64_t* out) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    const bool fits = value->is_number_unsigned() ? value->get<uint64_t>() <= uint64_t{INT64_MAX}
                                                  : value->is_number_integer();
    const int64_t number = fits ? value->get<int64_t>() : 0;
    if (!fits || number < low || number > high) {
      Refuse(absl::StrCat(key, " must be an integer from ", low, " to ", high, ", got ",
                          Printable(Text(*value), 40)),
             "Use the config.json that belongs to the weights.");
      return;
    }
    *out = number;
  }

  void Real(const char* key, double low, double high, double* out) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    const double number = value->is_number() ? value->get<double>() : high + 1;
    if (!(number >= low && number <= high)) {
      Refuse(absl::StrCat(key, " must be a number from ", low, " to ", high, ", got ",
                          Printable(Text(*value), 40)),
             "Use the config.json that belongs to the weights.");
      return;
    }
    *out = number;
  }

  // Where only one value of a key is supported.
  void Only(const char* key, const Json& supported, const char* why) {
    const Json* value = Find(key);
    if (value == nullptr || *value == supported) return;
    Refuse(absl::StrCat(key, " ", Printable(Text(*value), 40),
                        " is not supported; supported: ", Text(supported)),
           why);
  }

  static std::string Text(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

 private:
  const Json& json_;
  Problems& problems_;
};

void RefuseCode(ConfigReader& reader) {
  for (const char* key : {"auto_map", "trust_remote_code", "custom_pipelines"}) {
    if (reader.Find(key) != nullptr) {
      reader.Refuse(absl::StrCat(key, " points to code, and code in a model never runs here"),
                    "Use a model of a built-in architecture: bert.");
    }
  }
}

bool CheckModelType(ConfigReader& reader) {
  const Json* type = reader.Find("model_type");
  if (type != nullptr && *type == "bert") return true;
  reader.Refuse(type == nullptr
                    ? std::string("model_type is missing; supported: bert")
                    : absl::StrCat("model_type ", Printable(ConfigReader::Text(*type), 40),
                                   " is not supported; supported: bert"),
                "Choose a BERT model, for example all-MiniLM-L6-v2 or bert-base-uncased.");
  return false;
}

void ReadArchitecture(ConfigReader& reader, BertConfig* config) {
  const Json* list = reader.Find("architectures");
  if (list == nullptr || (list->is_array() && list->empty())) return;
  if (!list->is_array() || !list->front().is_string()) {
    reader.Refuse("architectures must be a list of names", "Use the model's own config.json.");
    return;
  }
  config->architecture = list->front().get<std::string>();
  if (config->architecture.rfind("Bert", 0) == 0) return;
  reader.Refuse(absl::StrCat("architecture '", Printable(config->architecture, 60),
                             "' is not supported; supported: BertModel, "
                             "BertForSequenceClassification, BertForMaskedLM, BertForPreTraining"),
                "Choose a BERT model.");
}

void ReadSizes(ConfigReader& reader, BertConfig* config) {
  reader.Integer("vocab_size", 1, 1'000'000, &config->vocab_size);
  reader.Integer("hidden_size", 1, 65'536, &config->hidden_size);
  reader.Integer("num_hidden_layers", 1, 1'000, &config->layers);
  reader.Integer("num_attention_heads", 1, 4'096, &config->heads);
  reader.Integer("intermediate_size", 1, 1 << 20, &config->intermediate_size);
  reader.Integer("max_position_embeddings", 3, 1 << 20, &config->max_positions);
  reader.Integer("type_vocab_size", 1, 1'024, &config->type_vocab_size);
  reader.Integer("pad_token_id", 0, config->vocab_size - 1, &config->pad_token_id);
  if (config->hidden_size % config->heads != 0) {
    reader.Refuse(absl::StrCat("hidden_size ", config->hidden_size,
                               " is no multiple of num_attention_heads ", config->heads),
                  "Use the config.json that belongs to the weights.");
  }
  if (config->Parameters() > kMaxParameters) {
    reader.Refuse(absl::StrCat("the sizes make ", config->Parameters(), " parameters; at most ",
                               kMaxParameters, " are accepted"),
                  "Choose a smaller model.");
  }
}

void ReadNumbers(ConfigReader& reader, BertConfig* config) {
  reader.Real("layer_norm_eps", 1e-15, 1, &config->layer_norm_eps);
  reader.Real("initializer_range", 0, 10, &config->initializer_range);
  reader.Real("hidden_dropout_prob", 0, 0.999, &config->hidden_dropout);
  reader.Real("attention_probs_dropout_prob", 0, 0.999, &config->attention_dropout);
  config->classifier_dropout = config->hidden_dropout;
  reader.Real("classifier_dropout", 0, 0.999, &config->classifier_dropout);
  reader.Only("hidden_act", "gelu", "Choose a model with the exact GELU.");
  reader.Only("position_embedding_type", "absolute", "Choose a model with absolute positions.");
  reader.Only("is_decoder", false, "Choose an encoder.");
  reader.Only("add_cross_attention", false, "Choose an encoder.");
}

void ReadLabels(ConfigReader& reader, BertConfig* config) {
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

int64_t BertConfig::Parameters() const {
  const int64_t h = hidden_size, f = intermediate_size;
  const int64_t embeddings = (vocab_size + max_positions + type_vocab_size + 2) * h;
  const int64_t layer = 4 * (h * h + h) + 2 * h * f + f + h + 4 * h;
  return embeddings + layers * layer + h * h + h;
}

BertConfig ParseBertConfig(std::string_view text, Problems& problems) {
  BertConfig config;
  const absl::StatusOr<Json> json = ParseJsonFile(text, kFile);
  if (!json.ok() || !json->is_object()) {
    const std::string why = json.ok() ? absl::StrCat(kFile, ": expected an object")
                                      : std::string(json.status().message());
    problems.Add(why, "Write it as plain JSON, as transformers does.");
    return config;
  }
  ConfigReader reader(*json, problems);
  RefuseCode(reader);
  if (!CheckModelType(reader)) return config;
  ReadArchitecture(reader, &config);
  ReadSizes(reader, &config);
  ReadNumbers(reader, &config);
  ReadLabels(reader, &config);
  return config;
}

absl::StatusOr<std::string> ConfigForClassifier(std::string_view text,
                                                const std::vector<std::string>& labels) {
  ATTUNE_ASSIGN_OR_RETURN(Json json, ParseJsonFile(text, kFile));
  if (!json.is_object()) return absl::InvalidArgumentError("config.json: expected an object");
  json["architectures"] = Json::array({"BertForSequenceClassification"});
  json["problem_type"] = "single_label_classification";
  Json id2label = Json::object(), label2id = Json::object();
  for (size_t i = 0; i < labels.size(); ++i) {
    id2label[absl::StrCat(i)] = labels[i];
    label2id[labels[i]] = i;
  }
  json["id2label"] = std::move(id2label);
  json["label2id"] = std::move(label2id);
  if (json.contains("num_labels")) json["num_labels"] = labels.size();
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (json.contains(key)) json[key] = "float32";
  }
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace attune
