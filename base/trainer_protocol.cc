// SPDX-License-Identifier: Apache-2.0
// Each struct's keys are listed once, in Fields(); base/json_object.h writes and reads by them.
#include "base/trainer_protocol.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/evaluation_fields.h"
#include "base/json_object.h"
#include "nlohmann/json.hpp"

namespace attune {

namespace {

bool StaysInFolder(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) return false;
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

void Check(JsonWriter&, const FileEntry&) {}
void Check(JsonReader& reader, const FileEntry& file) {
  if (!StaysInFolder(file.path)) {
    reader.Wrong("path", "must be a relative path without \"..\"");
  }
  if (file.size_bytes < 0) reader.Wrong("size_bytes", "must be >= 0");
  if (!IsSha256Hex(file.sha256)) {
    reader.Wrong("sha256", "must be 64 lower-case hex digits");
  }
}

}  // namespace

// Outside the unnamed namespace, where JsonWriter and JsonReader find them.

template <typename V>
void Fields(V& v, typename V::template Ref<FileEntry> s) {
  v.Required("path", s.path);
  v.Required("size_bytes", s.size_bytes);
  v.Required("sha256", s.sha256);
  Check(v, s);
}

template <typename V>
void Fields(V& v, typename V::template Ref<DatasetSpec> s) {
  v.Required("path", s.path);
  v.Required("format", s.format);
  v.Required("text_columns", s.text_columns);
  v.Required("label_column", s.label_column);
  v.Key("label_kind", s.label_kind);
  v.Key("label_separator", s.label_separator);
  v.Key("label_names", s.label_names);
  v.Key("sha256", s.sha256);
}

template <typename V>
void Fields(V& v, typename V::template Ref<ParameterGroupSpec> s) {
  v.Required("prefix", s.prefix);
  v.Required("learning_rate", s.learning_rate);
}

template <typename V>
void Fields(V& v, typename V::template Ref<ImageSpec> s) {
  v.Key("size", s.size);
  v.Key("horizontal_flip", s.horizontal_flip);
  v.Key("min_crop_area", s.min_crop_area);
  v.Key("brightness", s.brightness);
  v.Key("contrast", s.contrast);
  v.Key("batch_norms", s.batch_norms);
}

template <typename V>
void Fields(V& v, typename V::template Ref<DecodingSpec> s) {
  v.Key("beam_size", s.beam_size);
  v.Key("length_penalty", s.length_penalty);
}

template <typename V>
void Fields(V& v, typename V::template Ref<LoraSpec> s) {
  v.Key("rank", s.rank);
  v.Key("alpha", s.alpha);
  v.Key("dropout", s.dropout);
  v.Key("target_modules", s.target_modules);
  v.Key("rslora", s.rslora);
}

template <typename V>
void Fields(V& v, typename V::template Ref<HyperparameterSpec> s) {
  v.Key("epochs", s.epochs);
  v.Key("batch_size", s.batch_size);
  v.Key("gradient_accumulation_steps", s.gradient_accumulation_steps);
  v.Key("learning_rate", s.learning_rate);
  v.Key("schedule", s.schedule);
  v.Key("warmup_ratio", s.warmup_ratio);
  v.Key("warmup_steps", s.warmup_steps);
  v.Key("weight_decay", s.weight_decay);
  v.Key("adam_beta1", s.adam_beta1);
  v.Key("adam_beta2", s.adam_beta2);
  v.Key("adam_epsilon", s.adam_epsilon);
  v.Key("max_grad_norm", s.max_grad_norm);
  v.Key("dropout", s.dropout);
  v.Key("max_length", s.max_length);
  v.Key("label_smoothing", s.label_smoothing);
  v.Key("precision", s.precision);
  v.Key("parameter_groups", s.parameter_groups);
  v.Key("seed", s.seed);
}

template <typename V>
void Fields(V& v, typename V::template Ref<TrainerSpec> s) {
  v.Key("job", s.job);
  v.Key("attempt", s.attempt);
  v.Key("fence", s.fence);
  v.Key("work", s.work);
  v.Required("work_dir", s.work_dir);
  v.Required("base_model_dir", s.base_model_dir);
  v.Key("base_model_name", s.base_model_name);
  v.Key("compare_model_dir", s.compare_model_dir);
  v.Key("cache_dir", s.cache_dir);
  v.Key("base_model_sha256", s.base_model_sha256);
  v.Key("task", s.task);
  v.Key("pooling", s.pooling);
  v.Key("image", s.image);
  v.Key("decoding", s.decoding);
  v.Required("labels", s.labels);
  v.Key("train", s.train);
  v.Key("eval", s.eval);
  v.Key("eval_fraction", s.eval_fraction);
  v.Key("test", s.test);
  v.Key("method", s.method);
  v.Key("lora", s.lora);
  v.Key("top_layers", s.top_layers);
  v.Key("class_weighting", s.class_weighting);
  v.Key("hyperparameters", s.hyperparameters);
  v.Key("eval_every_steps", s.eval_every_steps);
  v.Key("best_metric", s.best_metric);
  v.Key("early_stopping_patience", s.early_stopping_patience);
  v.Key("early_stopping_min_delta", s.early_stopping_min_delta);
  v.Key("checkpoint_interval_seconds", s.checkpoint_interval_seconds);
  v.Key("checkpoint_every_steps", s.checkpoint_every_steps);
  v.Key("max_steps", s.max_steps);
  v.Key("threads", s.threads);
  v.Key("device", s.device);
  v.Key("resume_dir", s.resume_dir);
  v.Key("start_dir", s.start_dir);
  v.Key("start_job", s.start_job);
  v.Key("start_step", s.start_step);
  v.Key("start_sha256", s.start_sha256);
}

template <typename V>
void Fields(V& v, typename V::template Ref<RunCommand> s) {
  v.Required("spec", s.spec);
}

template <typename V>
void Fields(V&, typename V::template Ref<CheckpointCommand>) {}

template <typename V>
void Fields(V& v, typename V::template Ref<StopCommand> s) {
  v.Required("cause", s.cause);
}

template <typename V>
void Fields(V& v, typename V::template Ref<PredictCommand> s) {
  v.Required("model_dir", s.model_dir);
  v.Key("max_length", s.max_length);
  v.Required("rows", s.rows);
  v.Key("decoding", s.decoding);
}

template <typename V>
void Fields(V& v, typename V::template Ref<StartedFrame> s) {
  v.Key("device", s.device);
  v.Key("threads", s.threads);
  v.Key("start_step", s.start_step);
  v.Key("total_steps", s.total_steps);
  v.Key("steps_per_epoch", s.steps_per_epoch);
  v.Key("train_examples", s.train_examples);
  v.Key("eval_examples", s.eval_examples);
  v.Key("test_examples", s.test_examples);
  v.Key("exact", s.exact);
  v.Key("torch_version", s.torch_version);
}

template <typename V>
void Fields(V& v, typename V::template Ref<PhaseFrame> s) {
  v.Key("phase", s.phase);
}

template <typename V>
void Fields(V& v, typename V::template Ref<MetricsFrame> s) {
  v.Key("step", s.step);
  v.Key("epoch", s.epoch);
  v.Key("loss", s.loss);
  v.Key("learning_rate", s.learning_rate);
  v.Key("grad_norm", s.grad_norm);
  v.Key("samples", s.samples);
  v.Key("tokens", s.tokens);
  v.Key("samples_per_second", s.samples_per_second);
  v.Key("tokens_per_second", s.tokens_per_second);
  v.Key("eta_seconds", s.eta_seconds);
  v.Key("stage_seconds", s.stage_seconds);
}

template <typename V>
void Fields(V& v, typename V::template Ref<EvaluationFrame> s) {
  EvaluationFields(v, s);
  v.Key("seconds", s.seconds);
}

template <typename V>
void Fields(V& v, typename V::template Ref<CheckpointFrame> s) {
  v.Key("step", s.step);
  v.Key("epoch", s.epoch);
  v.Key("dir", s.dir);
  v.Key("manifest_sha256", s.manifest_sha256);
  v.Key("files", s.files);
  v.Key("best", s.best);
  v.Key("write_seconds", s.write_seconds);
}

template <typename V>
void Fields(V& v, typename V::template Ref<NoticeFrame> s) {
  v.Key("severity", s.severity);
  v.Key("message", s.message);
}

template <typename V>
void Fields(V& v, typename V::template Ref<ExportCheckEntry> s) {
  v.Required("format", s.format);
  v.Key("rows", s.rows);
  v.Key("max_difference", s.max_difference);
}

template <typename V>
void Fields(V& v, typename V::template Ref<SucceededFrame> s) {
  v.Key("step", s.step);
  v.Key("model_dir", s.model_dir);
  v.Key("files", s.files);
  v.Key("peak_memory_bytes", s.peak_memory_bytes);
  v.Key("model_type", s.model_type);
  v.Key("architecture", s.architecture);
  v.Key("parameters", s.parameters);
  v.Key("max_length", s.max_length);
  v.Key("labels", s.labels);
  v.Key("export_checks", s.export_checks);
}

template <typename V>
void Fields(V& v, typename V::template Ref<FailedFrame> s) {
  v.Key("failure_class", s.failure_class);
  v.Key("reason", s.reason);
  v.Key("message", s.message);
  v.Key("step", s.step);
}

template <typename V>
void Fields(V& v, typename V::template Ref<StoppedFrame> s) {
  v.Key("cause", s.cause);
  v.Key("step", s.step);
}

template <typename V>
void Fields(V& v, typename V::template Ref<PredictionFrame> s) {
  v.Key("rows", s.rows);
}

namespace {

using Json = nlohmann::json;

// In the order of the variants.
constexpr std::array<const char*, std::variant_size_v<TrainerCommand>> kCommandTypes = {
    "run", "stop", "checkpoint", "predict"};
constexpr std::array<const char*, std::variant_size_v<TrainerEvent>> kEventTypes = {
    "started", "phase",     "metrics", "evaluation", "checkpoint",
    "notice",  "succeeded", "failed",  "stopped",    "prediction"};

// A path may hold any bytes: invalid UTF-8 is replaced rather than thrown.
std::string Dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// The one border that nlohmann's exceptions reach; they alone tell where the text is wrong.
absl::StatusOr<Json> ParseObject(std::string_view text, const char* what) {
  std::string wrong;
  try {
    Json json = Json::parse(text);
    if (json.is_object()) return json;
    wrong = absl::StrCat("must be a JSON object, got ", json.type_name());
  } catch (const Json::parse_error& error) {
    const std::string_view before = text.substr(0, error.byte);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    wrong = absl::StrCat("is not valid JSON at line ", line);
  } catch (const Json::exception&) {
    wrong = "holds a number out of range";
  }
  return absl::InvalidArgumentError(absl::StrCat(what, " ", wrong));
}

template <typename Variant, size_t N>
std::string WriteFrame(const std::array<const char*, N>& types, int64_t attempt,
                       const Variant& body) {
  JsonWriter writer;
  writer.Key("type", std::string(types[body.index()]));
  writer.Key("attempt", attempt);
  std::visit([&](const auto& fields) { Fields(writer, fields); }, body);
  return Dump(writer.object());
}

template <typename Variant, size_t... I>
void EmplaceByIndex(Variant& variant, size_t index, std::index_sequence<I...>) {
  ((I == index ? static_cast<void>(variant.template emplace<I>()) : void()), ...);
}

template <typename Variant, size_t N>
absl::Status ReadFrame(const std::array<const char*, N>& types, std::string_view text,
                       int64_t& attempt, Variant& body) {
  ATTUNE_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "the frame"));
  std::vector<FieldViolation> wrong;
  JsonReader reader(json, JsonSource::kFrame, wrong);
  std::string type;
  reader.Key("type", type);
  reader.Key("attempt", attempt);
  const auto found = std::find(types.begin(), types.end(), type);
  if (found != types.end()) {
    EmplaceByIndex(body, static_cast<size_t>(found - types.begin()), std::make_index_sequence<N>());
    std::visit([&](auto& fields) { Fields(reader, fields); }, body);
  } else if (wrong.empty()) {
    wrong.push_back({"type", absl::StrCat("must be one of ", absl::StrJoin(types, ", "))});
  }
  return wrong.empty() ? absl::OkStatus() : InvalidFields(std::move(wrong));
}

}  // namespace

std::string ToJson(const TrainerCommand& command) {
  int64_t attempt = 0;
  if (const auto* run = std::get_if<RunCommand>(&command)) attempt = run->spec.attempt;
  if (const auto* stop = std::get_if<StopCommand>(&command)) attempt = stop->attempt;
  if (const auto* save = std::get_if<CheckpointCommand>(&command)) attempt = save->attempt;
  if (const auto* predict = std::get_if<PredictCommand>(&command)) attempt = predict->call;
  return WriteFrame(kCommandTypes, attempt, command);
}

absl::StatusOr<TrainerCommand> ParseTrainerCommand(std::string_view json) {
  int64_t attempt = 0;
  TrainerCommand command;
  ATTUNE_RETURN_IF_ERROR(ReadFrame(kCommandTypes, json, attempt, command));
  if (auto* stop = std::get_if<StopCommand>(&command)) stop->attempt = attempt;
  if (auto* save = std::get_if<CheckpointCommand>(&command)) save->attempt = attempt;
  if (auto* predict = std::get_if<PredictCommand>(&command)) predict->call = attempt;
  const auto* run = std::get_if<RunCommand>(&command);
  if (run != nullptr && run->spec.attempt != attempt) {
    return InvalidFields({{"spec.attempt", absl::StrCat("must be the frame's attempt, ", attempt,
                                                        ", got ", run->spec.attempt)}});
  }
  return command;
}

std::string ToJson(int64_t attempt, const TrainerEvent& event) {
  return WriteFrame(kEventTypes, attempt, event);
}

absl::StatusOr<AttemptEvent> ParseTrainerEvent(std::string_view json) {
  AttemptEvent result;
  ATTUNE_RETURN_IF_ERROR(ReadFrame(kEventTypes, json, result.attempt, result.event));
  return result;
}

absl::StatusOr<TrainerSpec> ParseTrainerSpec(std::string_view json) {
  ATTUNE_ASSIGN_OR_RETURN(const Json object, ParseObject(json, "the spec"));
  std::vector<FieldViolation> wrong;
  JsonReader reader(object, JsonSource::kFile, wrong);
  TrainerSpec spec;
  Fields(reader, spec);
  reader.RefuseUnknownKeys();
  if (!wrong.empty()) return InvalidFields(std::move(wrong));
  return spec;
}

std::string ToJson(const TrainerSpec& spec) {
  JsonWriter writer;
  Fields(writer, spec);
  return Dump(writer.object(), /*indent=*/2) + "\n";
}

}  // namespace attune
