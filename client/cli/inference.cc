// SPDX-License-Identifier: Apache-2.0
// attune evaluate and predict: a model on a dataset, as a job in the queue; predict --text and
// --image: on a few rows, at once.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/trainer_protocol.h"
#include "client/cli/commands.h"
#include "client/cli/dataset_options.h"
#include "client/cli/download.h"
#include "client/cli/job_submission.h"
#include "client/cli/model_argument.h"
#include "client/cli/names.h"
#include "client/cli/predict_rows.h"
#include "client/cli/session.h"
#include "client/text/error_text.h"

namespace attune {
namespace {

struct InferenceOptions {
  std::string model, data;
  std::string id;
  int priority = 0;
  bool no_base = false;  // evaluate
  std::string output;    // predict
  FewRows rows;          // predict, instead of data; but its max_length and beam_size are of both
  DatasetOptions reading;
  SubmissionOptions submission;
};

// The request but for its work.
absl::StatusOr<v1::CreateJobRequest> RequestFor(const InferenceOptions& options) {
  v1::CreateJobRequest request;
  if (!options.id.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string name, NameFromArgument("jobs", options.id));
    request.set_job_id(name.substr(name.find('/') + 1));
  }
  request.mutable_job()->set_priority(options.priority);
  return request;
}

// Of a local folder no more than its path, as the name.
absl::StatusOr<v1::Model> ModelOf(const InferenceOptions& options, Session& session) {
  if (session.surroundings().files.Exists(options.model)) {
    v1::Model folder;
    folder.set_name(options.model);
    return folder;
  }
  ATTUNE_ASSIGN_OR_RETURN(Connection* const connection, session.Connect());
  return FetchModel(*connection, options.model);
}

// What Evaluate and Predict have in common.
template <typename Work>
void FillWork(const InferenceOptions& options, const v1::Model& model, Work& work) {
  work.set_model(model.name());
  work.set_dataset(options.data);
  work.set_max_length(options.rows.max_length);
  if (options.rows.beam_size > 0) work.mutable_decoding()->set_beam_size(options.rows.beam_size);
}

absl::StatusOr<int> RunEvaluate(const InferenceOptions& options, Session& session) {
  ATTUNE_ASSIGN_OR_RETURN(v1::CreateJobRequest request, RequestFor(options));
  v1::Evaluate& work = *request.mutable_job()->mutable_spec()->mutable_evaluate();
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model model, ModelOf(options, session));
  FillWork(options, model, work);
  if (options.no_base) work.set_compare_base(false);
  DatasetOptions reading = options.reading;
  if (reading.label_kind.empty() && model.model_type() == kMarianSsru) reading.label_kind = "text";
  ATTUNE_ASSIGN_OR_RETURN(const Submission made,
                          SubmitJob(session, std::move(request), reading, options.submission));
  return made.exit_code;
}

absl::StatusOr<int> RunPredict(const InferenceOptions& options, Session& session) {
  if (!options.rows.empty()) return PredictRows(options.model, options.rows, session);
  ATTUNE_ASSIGN_OR_RETURN(v1::CreateJobRequest request, RequestFor(options));
  v1::Predict& work = *request.mutable_job()->mutable_spec()->mutable_predict();
  ATTUNE_ASSIGN_OR_RETURN(const v1::Model model, ModelOf(options, session));
  FillWork(options, model, work);
  DatasetOptions reading = options.reading;
  if (reading.label_kind.empty()) reading.label_kind = "none";
  SubmissionOptions submission = options.submission;
  submission.watch = submission.watch || !options.output.empty();
  ATTUNE_ASSIGN_OR_RETURN(const Submission made,
                          SubmitJob(session, std::move(request), reading, submission));
  if (made.exit_code != kExitOk || options.output.empty() || made.job.empty()) {
    return made.exit_code;
  }
  return RunDownload({.what = made.job, .output = options.output}, session);
}

// The option --data, for what is only told of it.
CLI::Option* AddCommonOptions(CLI::App& command, InferenceOptions& options) {
  command.add_option("MODEL", options.model, "models/ID, the job that made it, or a local folder")
      ->required();
  CLI::Option* const data = command.add_option(
      "--data", options.data, "datasets/ID, ID, a local file or a folder of images");
  command.add_option("--max-length", options.rows.max_length,
                     "Tokens a row keeps (default: the model's maximum)");
  command
      .add_option("--beam", options.rows.beam_size,
                  "Of a translation model: hypotheses that it keeps (default 1: greedy)")
      ->check(CLI::PositiveNumber);
  command.add_option("--id", options.id, "The job's id (default: made from the data's name)");
  command.add_option("--priority", options.priority, "Higher runs first (default 0)");
  AddDatasetOptions(command, options.reading);
  command.add_flag("--watch", options.submission.watch, "Follow the job to its end");
  return data;
}

}  // namespace

void AddEvaluate(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("evaluate", "Measure a model on labelled data");
  const auto options = std::make_shared<InferenceOptions>();
  AddCommonOptions(*command, *options)->required();
  command->add_flag("--no-base", options->no_base, "Do not measure its untuned base beside it");
  command->callback(
      [options, &chosen] { chosen = [options](Session& s) { return RunEvaluate(*options, s); }; });
}

void AddPredict(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("predict", "Predict every row of a file, or a few rows");
  const auto options = std::make_shared<InferenceOptions>();
  CLI::Option* const data = AddCommonOptions(*command, *options);
  CLI::Option* const text = command
                                ->add_option("--text", options->rows.texts,
                                             "A text, answered (translated) at once; repeatable")
                                ->expected(1)
                                ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                                ->excludes(data);
  CLI::Option* const image = command
                                 ->add_option("--image", options->rows.images,
                                              "A JPEG or PNG file, answered at once; repeatable")
                                 ->expected(1)
                                 ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                                 ->excludes(data)
                                 ->excludes(text);
  command->add_option("--output", options->output,
                      "Wait for the end, and put predictions.jsonl into this new folder");
  command->callback([options, &chosen, data, text, image] {
    if (data->empty() && text->empty() && image->empty()) {
      throw CLI::RequiredError("--data, --text or --image");
    }
    chosen = [options](Session& s) { return RunPredict(*options, s); };
  });
}

}  // namespace attune
