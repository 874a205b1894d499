// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/request.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/json/strict_json.h"
#include "formats/text/utf8.h"
#include "formats/weights/pooling.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

// Takes keys out of an object; what goes wrong first is kept, and so are the keys nobody asked for.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string name) : json_(json), name_(std::move(name)) {
    if (!json.is_object()) Fail("", "must be an object");
  }

  // nullptr: the key is not there.
  const Json* Find(const char* key) {
    known_.push_back(key);
    const auto found = json_.is_object() ? json_.find(key) : json_.end();
    return json_.is_object() && found != json_.end() ? &*found : nullptr;
  }
  bool Has(const char* key) { return Find(key) != nullptr; }
  const Json* Get(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) Fail(key, "is missing");
    return value;
  }
  std::string Text(const char* key) {
    const Json* value = Get(key);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    Fail(key, "must be a string");
    return "";
  }
  std::vector<std::string> Texts(const char* key) {
    const Json* value = Get(key);
    const bool texts = value != nullptr && value->is_array() &&
                       std::all_of(value->begin(), value->end(),
                                   [](const Json& item) { return item.is_string(); });
    if (texts) return value->get<std::vector<std::string>>();
    Fail(key, "must be a list of strings");
    return {};
  }
  std::map<std::string, std::string> TextMap(const char* key) {
    const Json* value = Get(key);
    const bool texts = value != nullptr && value->is_object() &&
                       std::all_of(value->begin(), value->end(),
                                   [](const Json& item) { return item.is_string(); });
    if (texts) return value->get<std::map<std::string, std::string>>();
    Fail(key, "must be an object of strings");
    return {};
  }
  double Number(const char* key) {
    const Json* value = Get(key);
    if (value != nullptr && value->is_number()) return value->get<double>();
    Fail(key, "must be a number");
    return 0;
  }
  int64_t Count(const char* key) {
    const Json* value = Get(key);
    if (value != nullptr && value->is_number_unsigned() && *value <= 1u << 30) {
      return value->get<int64_t>();
    }
    Fail(key, "must be an integer from 0 to 2^30");
    return 0;
  }
  void Fail(const std::string& key, std::string_view what) {
    if (!status_.ok()) return;
    status_ = MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                        absl::StrCat(name_, key.empty() ? "" : ".", key, " ", std::string(what)));
  }
  void Keep(const absl::Status& status) { status_.Update(status); }

  absl::Status Finish() {
    if (!json_.is_object()) return status_;
    for (const auto& item : json_.items()) {
      if (std::find(known_.begin(), known_.end(), item.key()) == known_.end()) {
        Fail(Printable(item.key()), "is unknown");
      }
    }
    return status_;
  }

 private:
  const Json& json_;
  const std::string name_;
  std::vector<std::string> known_ = {"kind"};
  absl::Status status_;
};

absl::StatusOr<DatasetSpec> ReadDataset(const Json& json, const std::string& name) {
  ObjectReader reader(json, name);
  DatasetSpec spec;
  spec.path = reader.Text("path");
  spec.format = reader.Text("format");
  spec.text_columns = reader.Texts("text_columns");
  spec.label_column = reader.Text("label_column");
  if (reader.Has("label_kind")) spec.label_kind = reader.Text("label_kind");
  if (reader.Has("label_separator")) spec.label_separator = reader.Text("label_separator");
  if (reader.Has("label_names")) spec.label_names = reader.TextMap("label_names");
  ATTUNE_RETURN_IF_ERROR(reader.Finish());
  return spec;
}

std::optional<DatasetSpec> ReadOptional(ObjectReader& reader, const char* key) {
  const Json* value = reader.Get(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  absl::StatusOr<DatasetSpec> spec = ReadDataset(*value, absl::StrCat("request.", key));
  reader.Keep(spec.status());
  return spec.ok() ? std::optional(*std::move(spec)) : std::nullopt;
}

absl::StatusOr<LoraSpec> ReadLora(const Json& json) {
  ObjectReader reader(json, "request.lora");
  LoraSpec lora;
  if (reader.Has("rank")) lora.rank = reader.Count("rank");
  if (reader.Has("target_modules")) lora.target_modules = reader.Texts("target_modules");
  ATTUNE_RETURN_IF_ERROR(reader.Finish());
  return lora;
}

absl::StatusOr<ImageSpec> ReadImage(const Json& json) {
  ObjectReader reader(json, "request.image");
  ImageSpec image;
  if (reader.Has("size")) image.size = reader.Count("size");
  if (reader.Has("batch_norms")) image.batch_norms = reader.Text("batch_norms");
  ATTUNE_RETURN_IF_ERROR(reader.Finish());
  return image;
}

// What "fine_tune" alone has.
void ReadTuning(ObjectReader& reader, JobRequest* job) {
  job->train = ReadOptional(reader, "train");
  if (!job->train.has_value()) reader.Fail("train", "must be an object");
  job->eval = ReadOptional(reader, "eval");
  job->test = ReadOptional(reader, "test");
  job->eval_fraction = reader.Number("eval_fraction");
  job->labels = reader.Texts("labels");
  if (reader.Has("batch_size")) job->batch_size = reader.Count("batch_size");
  if (reader.Has("method")) job->method = reader.Text("method");
  if (reader.Has("top_layers")) job->top_layers = reader.Count("top_layers");
  if (reader.Has("pooling")) {
    job->pooling = reader.Text("pooling");
    if (!IsPooling(job->pooling)) reader.Fail("pooling", "must be first_token or mean");
  }
  const Json* lora = reader.Find("lora");
  if (lora == nullptr) return;
  absl::StatusOr<LoraSpec> spec = ReadLora(*lora);
  reader.Keep(spec.status());
  if (spec.ok()) job->lora = *std::move(spec);
}

// What hangs on the task.
void ReadTask(ObjectReader& reader, JobRequest* job) {
  const bool images = job->task == "image_classification";
  const bool translation = job->task == "translation";
  if (!images && !translation && job->task != "text_classification") {
    return reader.Fail("task", "must be text_classification, image_classification or translation");
  }
  if (!images) job->max_length = reader.Count("max_length");
  if (translation && reader.Has("beam_size")) job->beam_size = reader.Count("beam_size");
  const Json* image = images ? reader.Find("image") : nullptr;
  if (image == nullptr) return;
  absl::StatusOr<ImageSpec> spec = ReadImage(*image);
  reader.Keep(spec.status());
  if (spec.ok()) job->image = *std::move(spec);
}

absl::StatusOr<InspectRequest> ReadJob(const Json& json) {
  ObjectReader reader(json, "request");
  JobRequest job;
  if (reader.Has("work")) job.work = reader.Text("work");
  job.model_dir = reader.Text("model_dir");
  job.task = reader.Text("task");
  ReadTask(reader, &job);
  if (job.work == "fine_tune") {
    ReadTuning(reader, &job);
  } else if (job.work == "evaluate" || job.work == "predict") {
    job.test = ReadOptional(reader, "test");
    if (!job.test.has_value()) {
      reader.Fail("test", "must be an object");
    } else if (job.work == "predict") {
      job.test->label_kind = "none";
    }
  } else {
    reader.Fail("work", "must be fine_tune, evaluate or predict");
  }
  ATTUNE_RETURN_IF_ERROR(reader.Finish());
  return job;
}

}  // namespace

absl::StatusOr<InspectRequest> ParseInspectRequest(std::string_view text) {
  ATTUNE_ASSIGN_OR_RETURN(const Json json, ParseJsonFile(text, "request"));
  ObjectReader reader(json, "request");
  const std::string kind = reader.Text("kind");
  if (kind == "job") return ReadJob(json);
  if (kind == "dataset") {
    ATTUNE_ASSIGN_OR_RETURN(DatasetSpec spec, ReadDataset(json, "request"));
    return spec;
  }
  if (kind == "model") {
    ModelRequest model{reader.Text("dir")};
    ATTUNE_RETURN_IF_ERROR(reader.Finish());
    return model;
  }
  reader.Fail("kind", "must be dataset, model or job");
  return reader.Finish();
}

}  // namespace attune
