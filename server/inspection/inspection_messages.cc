// SPDX-License-Identifier: Apache-2.0
#include "server/inspection/inspection_messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/trainer_protocol.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::json;

constexpr int kErrorsInWords = 5;

const char* FormatName(v1::Dataset::Format format) {
  switch (format) {
    case v1::Dataset::TSV:
      return "tsv";
    case v1::Dataset::JSONL:
      return "jsonl";
    case v1::Dataset::IMAGES:
      return "images";
    default:
      return "csv";
  }
}

const char* LabelKindName(v1::LabelKind kind) {
  switch (kind) {
    case v1::LABEL_KIND_MULTI:
      return "multi";
    case v1::LABEL_KIND_NUMBER:
      return "number";
    case v1::LABEL_KIND_TEXT:
      return "text";
    case v1::LABEL_KIND_NONE:
      return "none";
    default:
      return "single";
  }
}

// "": as the base has it.
const char* PoolingName(v1::Pooling pooling) {
  switch (pooling) {
    case v1::POOLING_FIRST_TOKEN:
      return "first_token";
    case v1::POOLING_MEAN:
      return "mean";
    default:
      return "";
  }
}

Json DatasetJson(const DatasetFile& file) {
  Json texts = Json::array();
  for (const std::string& column : file.dataset.columns().text()) texts.push_back(column);
  const v1::TextColumns& columns = file.dataset.columns();
  Json json = {{"path", file.path},
               {"format", FormatName(file.dataset.format())},
               {"text_columns", std::move(texts)},
               {"label_column", columns.label()},
               {"label_kind", LabelKindName(columns.label_kind())}};
  if (!columns.label_separator().empty()) json["label_separator"] = columns.label_separator();
  for (const auto& [label, name] : columns.label_names()) json["label_names"][label] = name;
  return json;
}

Json OptionalJson(const std::optional<DatasetFile>& file) {
  return file ? DatasetJson(*file) : Json(nullptr);
}

// The method, by the keys of TrainerSpec.
void AddMethod(const v1::FineTune& tune, Json& json) {
  switch (tune.method_case()) {
    case v1::FineTune::kLora:
      json["method"] = "lora";
      if (tune.lora().has_rank()) json["lora"]["rank"] = tune.lora().rank();
      for (const std::string& module : tune.lora().target_modules()) {
        json["lora"]["target_modules"].push_back(module);
      }
      return;
    case v1::FineTune::kHead:
      json["method"] = "head";
      return;
    case v1::FineTune::kPartial:
      json["method"] = "partial";
      json["top_layers"] = tune.partial().top_layers();
      return;
    default:
      json["method"] = "full";
  }
}

const char* BatchNormsName(v1::BatchNorms batch_norms) {
  switch (batch_norms) {
    case v1::BATCH_NORMS_TRAINED:
      return "trained";
    case v1::BATCH_NORMS_FROZEN:
      return "frozen";
    default:
      return "fixed_statistics";
  }
}

// What the check and the memory hang on; how images are varied is no part of it.
Json ImageJson(const v1::ImageClassification& task) {
  return {{"size", task.image_size()}, {"batch_norms", BatchNormsName(task.batch_norms())}};
}

void AddBeam(const v1::Decoding& decoding, Json& json) {
  if (decoding.beam_size() != 0) json["beam_size"] = decoding.beam_size();
}

void AddTask(const v1::FineTune& tune, Json& json) {
  if (tune.has_image_classification()) {
    json["image"] = ImageJson(tune.image_classification());
    return;
  }
  if (tune.has_translation()) {
    json["max_length"] = tune.translation().max_length();
    AddBeam(tune.translation().decoding(), json);
    return;
  }
  json["max_length"] = tune.text_classification().max_length();
  if (const char* pooling = PoolingName(tune.text_classification().pooling()); *pooling != '\0') {
    json["pooling"] = pooling;
  }
}

// Evaluate and Predict are of the task that their rows and the model are of; the spec may have been
// stored when the model was not known yet.
const char* TaskOf(const JobCheckInputs& inputs, const v1::JobSpec& spec) {
  const v1::FineTune& tune = spec.fine_tune();
  const bool images = spec.has_fine_tune()
                          ? tune.has_image_classification()
                          : inputs.test && inputs.test->dataset.format() == v1::Dataset::IMAGES;
  if (images) return "image_classification";
  const bool translates =
      spec.has_fine_tune() ? tune.has_translation() : inputs.model_type == kMarianSsru;
  return translates ? "translation" : "text_classification";
}

// What Evaluate and Predict have in common, of texts.
template <typename Work>
void AddUse(const Work& work, std::string_view task, Json& json) {
  json["max_length"] = work.max_length();
  if (task == "translation") AddBeam(work.decoding(), json);
}

void AddFineTune(const JobCheckInputs& inputs, const v1::FineTune& tune, Json& json) {
  Json labels = Json::array();
  for (const std::string& label : inputs.train->dataset.labels()) labels.push_back(label);
  json["work"] = "fine_tune";
  json["train"] = DatasetJson(*inputs.train);
  json["eval"] = OptionalJson(inputs.eval);
  json["test"] = OptionalJson(inputs.test);
  json["eval_fraction"] = tune.eval_fraction();
  json["labels"] = std::move(labels);
  AddTask(tune, json);
  const v1::Hyperparameters& hyperparameters = tune.hyperparameters();
  if (hyperparameters.has_batch_size()) json["batch_size"] = hyperparameters.batch_size();
  AddMethod(tune, json);
}

// User text may hold invalid UTF-8, which is replaced, not thrown.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<Json> ParseReport(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto ok = json.is_object() ? json.find("ok") : json.end();
  if (json.is_object() && ok != json.end() && ok->is_boolean()) return json;
  return absl::InternalError("attune-inspect answered no report");
}

std::string TextAt(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t NumberAt(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

// "train, line 7, column 3: the label is empty — give every row a label"
std::string InWords(const Json& error) {
  std::string text = TextAt(error, "where");
  auto add_place = [&](const char* key) {
    const int64_t number = NumberAt(error, key);
    if (number > 0) absl::StrAppend(&text, text.empty() ? "" : ", ", key, " ", number);
  };
  add_place("line");
  add_place("column");
  absl::StrAppend(&text, text.empty() ? "" : ": ", TextAt(error, "message"));
  if (const std::string remedy = TextAt(error, "remedy"); !remedy.empty()) {
    absl::StrAppend(&text, " — ", remedy);
  }
  return text;
}

std::string ErrorsInWords(const Json& report) {
  const auto errors = report.find("errors");
  if (errors == report.end() || !errors->is_array() || errors->empty()) {
    return "the inspection found it unusable";
  }
  std::string text;
  int shown = 0;
  for (const Json& error : *errors) {
    if (shown == kErrorsInWords) break;
    if (!error.is_object()) continue;
    absl::StrAppend(&text, shown++ == 0 ? "" : "\n", InWords(error));
  }
  const int64_t more = NumberAt(report, "error_count") - shown;
  if (more > 0) absl::StrAppend(&text, "\nand ", more, " more");
  return text;
}

}  // namespace

std::string DatasetRequestJson(const DatasetFile& file) {
  Json json = DatasetJson(file);
  json["kind"] = "dataset";
  return Dump(json);
}

std::string ModelRequestJson(std::string_view dir) {
  return Dump({{"kind", "model"}, {"dir", dir}});
}

std::string JobRequestJson(const JobCheckInputs& inputs, const v1::JobSpec& spec) {
  const std::string_view task = TaskOf(inputs, spec);
  Json json = {{"kind", "job"}, {"model_dir", inputs.model_dir}, {"task", task}};
  if (spec.has_fine_tune()) {
    AddFineTune(inputs, spec.fine_tune(), json);
    return Dump(json);
  }
  json["work"] = spec.has_evaluate() ? "evaluate" : "predict";
  json["test"] = OptionalJson(inputs.test);
  if (task == "image_classification") return Dump(json);
  spec.has_evaluate() ? AddUse(spec.evaluate(), task, json) : AddUse(spec.predict(), task, json);
  return Dump(json);
}

absl::Status ApplyDatasetReport(std::string_view text, v1::Dataset& dataset) {
  ATTUNE_ASSIGN_OR_RETURN(const Json report, ParseReport(text));
  dataset.set_report_json(std::string(text));
  if (!report["ok"].get<bool>()) {
    dataset.set_state(v1::Dataset::INVALID);
    dataset.set_error_message(ErrorsInWords(report));
    return absl::OkStatus();
  }
  dataset.set_state(v1::Dataset::READY);
  dataset.set_rows(NumberAt(report, "rows"));
  if (const auto labels = report.find("labels"); labels != report.end() && labels->is_array()) {
    for (const Json& label : *labels) {
      if (label.is_object()) dataset.add_labels(TextAt(label, "label"));
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyModelReport(std::string_view text, v1::Model& model) {
  ATTUNE_ASSIGN_OR_RETURN(const Json report, ParseReport(text));
  model.set_report_json(std::string(text));
  model.set_model_type(TextAt(report, "model_type"));
  model.set_architecture(TextAt(report, "architecture"));
  model.set_parameters(NumberAt(report, "parameters"));
  model.set_max_length(NumberAt(report, "max_length"));
  if (const auto labels = report.find("labels"); labels != report.end() && labels->is_array()) {
    for (const Json& label : *labels) {
      if (label.is_string()) model.add_labels(label.get<std::string>());
    }
  }
  if (report["ok"].get<bool>()) {
    model.set_state(v1::Model::READY);
  } else {
    model.set_state(v1::Model::INVALID);
    model.set_error_message(ErrorsInWords(report));
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckRecord> ReadJobReport(std::string_view text) {
  ATTUNE_ASSIGN_OR_RETURN(const Json report, ParseReport(text));
  CheckRecord check;
  check.ok = report["ok"].get<bool>();
  check.report_json = std::string(text);
  if (!check.ok) check.message = ErrorsInWords(report);
  if (const auto memory = report.find("memory"); memory != report.end() && memory->is_object()) {
    check.estimated_memory_bytes = NumberAt(*memory, "estimated_bytes");
  }
  return check;
}

CheckRecord RefusedCheck(std::string_view where, std::string_view message) {
  const Json error = {{"where", where},
                      {"line", 0},
                      {"column", 0},
                      {"message", message},
                      {"remedy", "make a corrected one and name that"}};
  const Json report = {{"ok", false}, {"error_count", 1}, {"errors", Json::array({error})}};
  return {.ok = false, .report_json = Dump(report), .message = ErrorsInWords(report)};
}

}  // namespace attune
