// SPDX-License-Identifier: Apache-2.0
// What the worker agent and its trainer process say to each other.
//
// The agent starts `attune-trainer --fd N` (or `--predict N`, a predictor), N being one end of a
// socketpair, and both sides write frames of base/framed_pipe.h, each holding one JSON object with
// "type" and "attempt". The structs below are those objects; ToJson and the Parse functions are the
// only code that knows the keys. A frame of an unknown type, a missing or an ill-typed key is an
// error of the peer: INVALID_ARGUMENT, naming the key. The same TrainerSpec as a file is what
// `attune-trainer --spec file.json` runs alone.
//
// No protobuf here: libtorch exports its own, and two in one process crash.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

// The file of a checkpoint folder that names and hashes the others.
inline constexpr char kCheckpointManifest[] = "manifest.json";

// The model_type of the image networks of formats/weights/image_model_folder.h; those of texts are
// transformers' own.
inline constexpr char kEfficientNetLite[] = "efficientnet_lite";
// And of the translation models of formats/weights/translation_folder.h.
inline constexpr char kMarianSsru[] = "marian_ssru";

// One file of a model or checkpoint, relative to its folder.
struct FileEntry {
  std::string path;  // "model.safetensors"; no "..", not absolute
  int64_t size_bytes = 0;
  std::string sha256;  // 64 lower-case hex digits
};

// One labelled file.
struct DatasetSpec {
  std::string path;
  std::string format;                     // "csv", "tsv", "jsonl"; "images": a tar of them
  std::vector<std::string> text_columns;  // one; two make a pair; none of images
  std::string label_column;
  // "single", "multi", "number", "text" (a translation) or "none" (no label is read).
  std::string label_kind = "single";
  std::string label_separator = "|";               // "multi" in csv and tsv
  std::map<std::string, std::string> label_names;  // as the file has it → class name; empty: as is
  std::string sha256;  // of the file; names what is cached of it. "": not cached
};

struct ParameterGroupSpec {
  std::string prefix;  // of parameter names; the longest that fits wins
  double learning_rate = 0;
};

// How images are read and trained on; nothing in it concerns texts.
struct ImageSpec {
  int64_t size = 0;  // pixels of a side; 0: the base's own
  bool horizontal_flip = false;
  double min_crop_area = 0;  // 0: no random crop
  double brightness = 0, contrast = 0;
  std::string batch_norms = "fixed_statistics";  // or "trained", "frozen"
};

// How a translation model makes its text; nothing in it concerns classifiers.
struct DecodingSpec {
  int64_t beam_size = 1;
  double length_penalty = 1;  // of beams: log-probability / tokens^length_penalty
};

struct LoraSpec {
  int64_t rank = 8;
  double alpha = 8;
  double dropout = 0;                                            // of the adapter's input
  std::vector<std::string> target_modules = {"query", "value"};  // or {"all-linear"}, …
  bool rslora = false;  // scale alpha / sqrt(rank) instead of alpha / rank
};

struct HyperparameterSpec {
  double epochs = 3;
  int64_t batch_size = 8;  // sequences per micro-batch
  int64_t gradient_accumulation_steps = 1;
  double learning_rate = 5e-5;
  std::string schedule = "linear";  // "linear" or "cosine" decay to 0, "constant"
  double warmup_ratio = 0;          // of all optimizer steps; warmup_steps wins when > 0
  int64_t warmup_steps = 0;
  double weight_decay = 0;  // never on bias and norm parameters
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1.0;  // 0: no clipping
  double dropout = 0.1;        // hidden, attention and classifier; < 0: as config.json says
  int64_t max_length = 0;      // tokens with special ones, of either side; 0: the base's maximum
  double label_smoothing = 0;  // single-label, translation
  std::string precision = "fp32";  // of the encoder's matrix products: "fp32", "bf16" or "auto"
  std::vector<ParameterGroupSpec> parameter_groups;
  uint64_t seed = 0;
};

struct TrainerSpec {
  std::string job;  // "jobs/x", for logs and the model card
  int64_t attempt = 0;
  int64_t fence = 0;
  std::string work = "fine_tune";  // or "evaluate", "predict": of base_model_dir on `test`
  std::string work_dir;            // exists; everything is written under it
  std::string base_model_dir;      // HF folder, read only
  std::string base_model_name;     // "models/x", for the model card
  std::string compare_model_dir;   // "evaluate": measured too, as TEST_BASE; empty: not
  std::string
      cache_dir;  // features of frozen layers, shared by attempts and jobs; empty: none kept
  std::string base_model_sha256;  // names what is cached of the base
  // "text_classification", "image_classification", whose data's label_kind says of which kind;
  // "translation".
  std::string task = "text_classification";
  // "text_classification": "first_token", "mean", or "": as Pooling has it (job_spec.proto).
  std::string pooling;
  ImageSpec image;                  // "image_classification"
  DecodingSpec decoding;            // "translation"
  std::vector<std::string> labels;  // index = class id
  DatasetSpec train;
  std::optional<DatasetSpec> eval;  // or a part of train:
  double eval_fraction = 0;         // chosen by a hash of the example, when eval is absent
  std::optional<DatasetSpec> test;  // measured once at the end, base and tuned
  std::string method = "full";      // "lora", "head", "partial"
  LoraSpec lora;
  int64_t top_layers = 0;       // "partial": trained encoder layers, from the top
  std::string class_weighting;  // "" or "balanced"
  HyperparameterSpec hyperparameters;
  int64_t eval_every_steps = 0;          // 0: at each epoch's end
  std::string best_metric = "accuracy";  // picks the checkpoint that is exported
  int64_t early_stopping_patience = 0;   // evaluations without a better value; 0: never stops
  double early_stopping_min_delta = 0;
  double checkpoint_interval_seconds = 300;  // and at each epoch's end; 0: only epochs
  int64_t checkpoint_every_steps = 0;        // > 0: also at these steps (deterministic; tests)
  int64_t max_steps = 0;                     // 0: epochs decide
  int threads = 1;
  std::string device = "cpu";
  std::string resume_dir;  // a checkpoint folder with its manifest; empty: from the start
  // Of an earlier job, whose weights this one starts with; all empty: with the base's own.
  std::string start_dir;  // its folder; empty, too, where the attempt resumes
  std::string start_job;  // "jobs/y", for the model card
  int64_t start_step = 0;
  std::string start_sha256;  // of its manifest.json
};

// ---- agent → trainer ----
struct RunCommand {
  TrainerSpec spec;
};
// Stop at the next step boundary. "cancel" and "stale" write nothing more; every other cause
// (pause, preempt, drain, time_limit) writes a checkpoint first.
struct StopCommand {
  int64_t attempt = 0;
  std::string cause;
};
struct CheckpointCommand {
  int64_t attempt = 0;
};
// The one command of a predictor (`attune-trainer --predict N`), which answers it with a
// PredictionFrame or a FailedFrame whose "attempt" is the call.
struct PredictCommand {
  int64_t call = 0;
  std::string model_dir;   // of a fine-tuned model; the same in all commands of a process
  int64_t max_length = 0;  // tokens a row keeps; 0: the model's maximum
  // Of one text, or two for a pair; of an image one string, its file in base64.
  std::vector<std::vector<std::string>> rows;
  DecodingSpec decoding;  // of a translation model
};
using TrainerCommand = std::variant<RunCommand, StopCommand, CheckpointCommand, PredictCommand>;

// ---- trainer → agent ----
struct StartedFrame {
  std::string device;  // "cpu", "cuda:0"
  int threads = 0;
  int64_t start_step = 0, total_steps = 0, steps_per_epoch = 0;
  int64_t train_examples = 0, eval_examples = 0, test_examples = 0;
  bool exact = true;  // false: resumed on another build, dtype or thread count
  std::string torch_version;
};
struct PhaseFrame {
  std::string phase;
};  // "TRAINING", "EVALUATING", "UPLOADING", "WAITING_FOR_DISK"
struct MetricsFrame {
  int64_t step = 0;  // optimizer steps done
  double epoch = 0;
  double loss = 0;  // mean over the sequences since the last frame of this kind
  double learning_rate = 0, grad_norm = 0;
  int64_t samples = 0, tokens = 0;  // real ones, since the attempt's start; padding never counts
  double samples_per_second = 0, tokens_per_second = 0;
  double eta_seconds = 0;  // until the last step
  std::map<std::string, double>
      stage_seconds;  // since the attempt's start: load, tokenize, forward, …
};
struct TranslationSample {
  std::string source, reference, translation;
};
struct EvaluationFrame {
  std::string split;  // "EVAL", "TEST", "TEST_BASE"
  int64_t step = 0;
  double epoch = 0;
  int64_t examples = 0;
  std::map<std::string, double> metrics;        // "loss", "accuracy", "macro_f1", "majority", …
  std::vector<std::vector<int64_t>> confusion;  // [true][predicted]
  bool best = false;                            // best so far by best_metric (EVAL only)
  std::optional<std::vector<TranslationSample>> samples;  // "translation": of a few fixed rows
  double seconds = 0;
};
struct CheckpointFrame {
  int64_t step = 0;
  double epoch = 0;
  std::string dir;  // complete and fsynced; holds manifest.json
  std::string manifest_sha256;
  std::vector<FileEntry> files;  // manifest.json among them
  bool best = false;
  double write_seconds = 0;
};
struct NoticeFrame {
  std::string severity, message;
};  // "INFO" or "WARNING"
// An exported folder, read back in a fresh process.
struct ExportCheckEntry {
  std::string format;  // "merged", "adapter"
  int64_t rows = 0;
  double max_difference = 0;  // of the outputs
};
struct SucceededFrame {
  int64_t step = 0;
  std::string model_dir;  // "evaluate": empty; "predict": holds predictions.jsonl alone
  std::vector<FileEntry> files;
  int64_t peak_memory_bytes = 0;  // of this process
  // Of the exported model; empty when there is none.
  std::string model_type, architecture;
  int64_t parameters = 0, max_length = 0;
  std::vector<std::string> labels;
  std::vector<ExportCheckEntry> export_checks;
};
struct FailedFrame {
  std::string failure_class;  // "USER", "RESOURCE", "INFRA"
  std::string reason;         // a name of attune.v1.ErrorReason: "NON_FINITE_LOSS", …
  std::string message;
  int64_t step = 0;
};
struct StoppedFrame {
  std::string cause;
  int64_t step = 0;
};
struct PredictionFrame {
  std::vector<std::string> rows;  // one a row: a line of predictions.jsonl without its "line"
};
using TrainerEvent =
    std::variant<StartedFrame, PhaseFrame, MetricsFrame, EvaluationFrame, CheckpointFrame,
                 NoticeFrame, SucceededFrame, FailedFrame, StoppedFrame, PredictionFrame>;

std::string ToJson(const TrainerCommand& command);
absl::StatusOr<TrainerCommand> ParseTrainerCommand(std::string_view json);

std::string ToJson(int64_t attempt, const TrainerEvent& event);
struct AttemptEvent {
  int64_t attempt = 0;
  TrainerEvent event;
};
absl::StatusOr<AttemptEvent> ParseTrainerEvent(std::string_view json);

// The spec file of `attune-trainer --spec`. Unknown keys are refused by name.
absl::StatusOr<TrainerSpec> ParseTrainerSpec(std::string_view json);
std::string ToJson(const TrainerSpec& spec);

}  // namespace attune
