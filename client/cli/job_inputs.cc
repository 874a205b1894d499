// SPDX-License-Identifier: Apache-2.0
#include "client/cli/job_inputs.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/cli/names.h"
#include "client/client_errors.h"
#include "client/text/report_text.h"
#include "client/text/words.h"

namespace attune {

InputFields InputFieldsOf(v1::JobSpec& spec) {
  if (spec.has_evaluate()) {
    v1::Evaluate& work = *spec.mutable_evaluate();
    return {work.mutable_model(), {work.mutable_dataset()}};
  }
  if (spec.has_predict()) {
    v1::Predict& work = *spec.mutable_predict();
    return {work.mutable_model(), {work.mutable_dataset()}};
  }
  v1::FineTune& work = *spec.mutable_fine_tune();
  return {work.mutable_base_model(),
          {work.mutable_train_dataset(), work.mutable_eval_dataset(), work.mutable_test_dataset()}};
}

JobInputs::JobInputs(Session& session, Connection& connection, const DatasetOptions& reading)
    : session_(session),
      reading_(reading),
      publisher_(connection, session.surroundings().files, session.ShowTransfer("uploading")) {}

absl::Status JobInputs::Publish(v1::JobSpec& spec) {
  const InputFields fields = InputFieldsOf(spec);
  if (!fields.model->empty()) ATTUNE_RETURN_IF_ERROR(PublishModel(*fields.model));
  for (std::string* dataset : fields.datasets) {
    if (!dataset->empty()) ATTUNE_RETURN_IF_ERROR(PublishDataset(*dataset));
  }
  if (!spec.fine_tune().start_checkpoint().job().empty()) {
    std::string& job = *spec.mutable_fine_tune()->mutable_start_checkpoint()->mutable_job();
    ATTUNE_ASSIGN_OR_RETURN(job, NameFromArgument("jobs", job));
  }
  return absl::OkStatus();
}

absl::Status JobInputs::ChooseTask(v1::JobSpec& spec) {
  v1::FineTune* const tune = spec.has_fine_tune() ? spec.mutable_fine_tune() : nullptr;
  if (tune == nullptr || tune->task_case() != v1::FineTune::TASK_NOT_SET ||
      tune->train_dataset().empty()) {
    return absl::OkStatus();  // the server says what is missing
  }
  ATTUNE_ASSIGN_OR_RETURN(const v1::Dataset rows, publisher_.AwaitDataset(tune->train_dataset()));
  if (rows.format() == v1::Dataset::IMAGES) {
    tune->mutable_image_classification();
  } else if (rows.columns().label_kind() == v1::LABEL_KIND_TEXT) {
    tune->mutable_translation();
  } else {
    tune->mutable_text_classification();
  }
  return absl::OkStatus();
}

absl::Status JobInputs::PublishDataset(std::string& input) {
  ATTUNE_ASSIGN_OR_RETURN(const bool local, IsLocal("datasets", input));
  if (!local) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(const DatasetFile file, DatasetFileOf(reading_, input, ""));
  ATTUNE_ASSIGN_OR_RETURN(const auto published, publisher_.PublishDataset(file));
  for (const std::string& note : published.notes) session_.Note(note);
  session_.Note(absl::StrCat(published.already_there ? "already there: " : "uploaded ", input,
                             " as ", published.resource.name()));
  input = published.resource.name();
  return absl::OkStatus();
}

absl::Status JobInputs::PublishModel(std::string& input) {
  ATTUNE_ASSIGN_OR_RETURN(const bool local, IsLocal("models", input));
  if (!local) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(const auto published, publisher_.PublishModel(input, ""));
  for (const std::string& note : published.notes) session_.Note(note);
  session_.Note(absl::StrCat(published.already_there ? "already there: " : "uploaded ", input,
                             " as ", published.resource.name()));
  input = published.resource.name();
  return absl::OkStatus();
}

absl::StatusOr<bool> JobInputs::IsLocal(const char* collection, std::string& input) {
  if (IsName(collection, input)) {
    ATTUNE_ASSIGN_OR_RETURN(input, NameFromArgument(collection, input));
    return false;
  }
  if (session_.surroundings().files.Exists(input)) return true;
  return ClientError(ClientReason::kLocalInput,
                     absl::StrCat("'", Printable(input), "' is neither a name of ", collection,
                                  " nor a path that exists"),
                     absl::StrCat("list the names with: attune ", collection, " list"));
}

absl::StatusOr<bool> JobInputs::AwaitChecks(const v1::JobSpec& spec) {
  v1::JobSpec copy = spec;
  const InputFields fields = InputFieldsOf(copy);
  bool usable = true;
  if (!fields.model->empty()) {
    ATTUNE_ASSIGN_OR_RETURN(const v1::Model model, publisher_.AwaitModel(*fields.model));
    if (model.state() == v1::Model::INVALID) {
      Refuse(model.name(), ProblemLines(model));
      usable = false;
    }
  }
  for (const std::string* name : fields.datasets) {
    if (name->empty()) continue;
    ATTUNE_ASSIGN_OR_RETURN(const v1::Dataset dataset, publisher_.AwaitDataset(*name));
    if (dataset.state() == v1::Dataset::INVALID) {
      Refuse(*name, ProblemLines(dataset));
      usable = false;
    }
  }
  return usable;
}

void JobInputs::Refuse(const std::string& name, const std::string& problems) {
  session_.err() << "error: " << name << " cannot be used; no job was made\n"
                 << problems << std::flush;
}

}  // namespace attune
