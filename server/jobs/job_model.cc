// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_model.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/jobs/job_inputs.h"
#include "server/jobs/job_validator.h"
#include "server/jobs/proto_time.h"
#include "server/store/inputs_table.h"

namespace attune {
namespace {

constexpr size_t kMaxStem = 56;  // leaves room for a number within an id's 63 characters

absl::StatusOr<std::string> FreeModelId(const Snapshot& snapshot, const std::string& job_id) {
  std::string id = job_id;
  for (int number = 2;; ++number) {
    const auto taken = GetModel(snapshot, id);
    if (absl::IsNotFound(taken.status())) return id;
    if (!taken.ok()) return taken.status();
    id = absl::StrCat(SlugFrom(job_id, kMaxStem), "-", number);
  }
}

}  // namespace

absl::StatusOr<std::string> InsertJobModel(Transaction& transaction, const JobRecord& record,
                                           const v1::Succeeded& succeeded, absl::Time now) {
  const v1::Job& job = record.job;
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, FreeModelId(transaction, record.id()));
  v1::Model model;
  model.set_name(ResourceName("models", id));
  model.set_display_name(job.display_name());
  *model.mutable_files() = succeeded.files();
  model.set_state(v1::Model::READY);
  const v1::ModelSummary& summary = succeeded.model();
  model.set_model_type(summary.model_type());
  model.set_architecture(summary.architecture());
  model.set_parameters(summary.parameters());
  model.set_max_length(summary.max_length());
  *model.mutable_labels() = summary.labels();
  *model.mutable_export_checks() = summary.export_checks();
  model.set_method(MethodName(job.spec()));
  model.set_source_job(job.name());
  model.set_base_model(ModelNameOf(job.spec()));
  if (job.has_final_test()) *model.mutable_final_test() = job.final_test();
  *model.mutable_create_time() = ToTimestamp(now);
  ATTUNE_RETURN_IF_ERROR(InsertModel(transaction, model));
  transaction.Touch(TopicKind::kModel, id);
  return model.name();
}

}  // namespace attune
