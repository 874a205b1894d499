// SPDX-License-Identifier: Apache-2.0
#include "tests/server/jobs/job_world.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "server/jobs/attempt_changes.h"
#include "server/jobs/proto_time.h"
#include "server/store/attempts_table.h"
#include "server/store/blobs_table.h"
#include "server/store/events_table.h"

namespace attune {
namespace {

// A fixture that cannot be made ends the test binary.
void MustBeOk(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "JobWorld: " << status << "\n";
  std::abort();
}

template <typename T>
T MustHave(absl::StatusOr<T> value) {
  MustBeOk(value.status());
  return *std::move(value);
}

}  // namespace

JobWorld::JobWorld()
    : writer_(loop_.NewExecutor("writer")),
      lifecycle_(loop_.clock(), rng_, counters_),
      leases_(lifecycle_, loop_.clock(), rng_) {
  Store::Options options;
  options.path = dir_.Path("attune.db");
  store_ = MustHave(Store::Open(options, writer_, rng_, MustBeOk));
  AddModel("base");
  AddDataset("reviews");
  AddDataset("held-out");
}

JobWorld::~JobWorld() = default;

absl::Status JobWorld::Write(absl::FunctionRef<absl::Status(Transaction&)> body) {
  absl::Status result = absl::UnknownError("not answered");
  store_->Write(
      Lane::kUrgent, [body](Transaction& transaction) { return body(transaction); },
      [&result](absl::Status status) { result = std::move(status); });
  loop_.RunUntilIdle();
  return result;
}

v1::CreateJobRequest JobWorld::Request(std::string job_id) {
  v1::CreateJobRequest request;
  request.set_job_id(std::move(job_id));
  v1::FineTune& tune = *request.mutable_job()->mutable_spec()->mutable_fine_tune();
  tune.set_base_model("models/base");
  tune.set_train_dataset("datasets/reviews");
  tune.mutable_text_classification();
  return request;
}

v1::CreateJobRequest JobWorld::EvaluateRequest(std::string job_id, const std::string& model) {
  v1::CreateJobRequest request;
  request.set_job_id(std::move(job_id));
  v1::Evaluate& evaluate = *request.mutable_job()->mutable_spec()->mutable_evaluate();
  evaluate.set_model("models/" + model);
  evaluate.set_dataset("datasets/held-out");
  return request;
}

v1::CreateJobRequest JobWorld::PredictRequest(std::string job_id, const std::string& model) {
  v1::CreateJobRequest request;
  request.set_job_id(std::move(job_id));
  v1::Predict& predict = *request.mutable_job()->mutable_spec()->mutable_predict();
  predict.set_model("models/" + model);
  predict.set_dataset("datasets/held-out");
  return request;
}

absl::StatusOr<v1::Job> JobWorld::Ask(
    absl::FunctionRef<absl::StatusOr<v1::Job>(Transaction&)> call) {
  absl::StatusOr<v1::Job> job;
  const absl::Status status = Write([&](Transaction& transaction) {
    job = call(transaction);
    return job.status();
  });
  if (!status.ok()) return status;
  return job;
}

absl::StatusOr<v1::Job> JobWorld::Create(const v1::CreateJobRequest& request) {
  return Ask([&](Transaction& transaction) { return lifecycle_.Create(transaction, request); });
}

JobRecord JobWorld::Submit(const std::string& job_id, int priority) {
  v1::CreateJobRequest request = Request(job_id);
  request.mutable_job()->set_priority(priority);
  return Submit(request);
}

JobRecord JobWorld::Submit(const v1::CreateJobRequest& request) {
  return Submit(request, {true, R"({"rows":10})", ""});
}

JobRecord JobWorld::Submit(const v1::CreateJobRequest& request, const CheckRecord& check) {
  const v1::Job job = MustHave(Create(request));
  const std::string id = job.name().substr(5);
  const std::string check_key = Job(id).check_key;
  MustBeOk(Write([&](Transaction& transaction) {
    return lifecycle_.ApplyCheck(transaction, check_key, check);
  }));
  return Job(id);
}

absl::StatusOr<v1::Job> JobWorld::Cancel(const std::string& job_id) {
  return Ask([&](Transaction& transaction) { return lifecycle_.Cancel(transaction, job_id); });
}
absl::StatusOr<v1::Job> JobWorld::Pause(const std::string& job_id) {
  return Ask([&](Transaction& transaction) { return lifecycle_.Pause(transaction, job_id); });
}
absl::StatusOr<v1::Job> JobWorld::Resume(const std::string& job_id) {
  return Ask([&](Transaction& transaction) { return lifecycle_.Resume(transaction, job_id); });
}

JobRecord JobWorld::Job(const std::string& job_id) {
  JobRecord record;
  MustBeOk(store_->Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(record, GetJob(snapshot, job_id));
    return absl::OkStatus();
  }));
  return record;
}

AttemptRecord JobWorld::Attempt(const std::string& job_id, int64_t attempt) {
  AttemptRecord record;
  if (attempt == 0) attempt = Job(job_id).attempt;
  MustBeOk(store_->Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(record, GetAttempt(snapshot, job_id, attempt));
    return absl::OkStatus();
  }));
  return record;
}

std::vector<v1::JobEvent> JobWorld::Events(const std::string& job_id) {
  std::vector<v1::JobEvent> events;
  MustBeOk(store_->Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(events, ListEvents(snapshot, job_id, 0, 1000));
    return absl::OkStatus();
  }));
  return events;
}

std::string JobWorld::State(const std::string& job_id) {
  const v1::Job job = Job(job_id).job;
  const std::string state = v1::Job::State_Name(job.state());
  if (job.reason() == v1::Job::STATE_REASON_UNSPECIFIED) return state;
  return absl::StrCat(state, "(", v1::Job::StateReason_Name(job.reason()), ")");
}

void JobWorld::AddDataset(const std::string& id, v1::Dataset::State state, v1::LabelKind kind) {
  v1::Dataset dataset;
  dataset.set_name("datasets/" + id);
  dataset.mutable_file()->set_path(id + ".csv");
  dataset.mutable_file()->set_sha256(Sha256::Hex(id));
  dataset.set_format(v1::Dataset::CSV);
  dataset.mutable_columns()->add_text("text");
  dataset.mutable_columns()->set_label("label");
  dataset.mutable_columns()->set_label_kind(kind);
  dataset.set_state(state);
  if (state == v1::Dataset::INVALID) dataset.set_error_message("line 7: broken UTF-8\nline 9: …");
  if (state == v1::Dataset::READY) {
    dataset.add_labels("negative");
    dataset.add_labels("positive");
    dataset.set_rows(100);
  }
  MustBeOk(Write([&](Transaction& transaction) { return InsertDataset(transaction, dataset); }));
}

void JobWorld::AddModel(const std::string& id, v1::Model::State state) {
  v1::Model model;
  model.set_name("models/" + id);
  model.set_state(state);
  model.set_model_type("bert");
  model.set_max_length(512);
  *model.add_files() = AddBlob("model.safetensors");
  MustBeOk(Write([&](Transaction& transaction) { return InsertModel(transaction, model); }));
}

void JobWorld::AddClassifier(const std::string& id, const std::string& source_job) {
  v1::Model model;
  model.set_name("models/" + id);
  model.set_state(v1::Model::READY);
  model.set_model_type("bert");
  model.set_architecture("BertForSequenceClassification");
  for (const char* label : {"no", "yes"}) model.add_labels(label);
  if (!source_job.empty()) {
    model.set_source_job("jobs/" + source_job);
    model.set_base_model("models/base");
  }
  *model.add_files() = AddBlob("model.safetensors");
  MustBeOk(Write([&](Transaction& transaction) { return InsertModel(transaction, model); }));
}

void JobWorld::AddWorker(const std::string& id, int slots, int threads) {
  WorkerRecord record;
  record.worker.set_name("workers/" + id);
  record.worker.set_state(v1::Worker::ONLINE);
  record.worker.set_session_count(1);
  record.boot_id = "boot-1";
  record.agent_instance = "agent-1";
  v1::WorkerInventory& inventory = *record.worker.mutable_inventory();
  inventory.set_slots(slots);
  inventory.set_threads_per_slot(threads);
  inventory.set_memory_per_slot_bytes(int64_t{8} << 30);
  inventory.add_model_families("bert");
  inventory.add_tasks("text_classification");
  MustBeOk(Write([&](Transaction& transaction) {
    transaction.Touch(TopicKind::kWorker, id);
    return PutWorker(transaction, record);
  }));
}

v1::FileRef JobWorld::AddBlob(const std::string& path) {
  v1::FileRef file;
  file.set_path(path);
  file.set_size_bytes(100);
  file.set_sha256(Sha256::Hex(absl::StrCat("blob ", ++blobs_)));
  MustBeOk(Write([&](Transaction& transaction) {
    return PutBlob(transaction, file.sha256(), file.size_bytes());
  }));
  return file;
}

int64_t JobWorld::Grant(const std::string& job_id, const std::string& worker_id) {
  Leases::GrantResult result;
  MustBeOk(Write([&](Transaction& transaction) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(result, leases_.Grant(transaction, {job_id, worker_id, 2}));
    return absl::OkStatus();
  }));
  return result.fence;
}

absl::Status JobWorld::Lapse(const std::string& job_id) {
  const int64_t fence = Job(job_id).fence;
  return Write([&](Transaction& transaction) { return leases_.Lapse(transaction, fence, job_id); });
}

absl::Status JobWorld::Fail(const std::string& job_id, v1::Failed::FailureClass failure_class) {
  v1::Failed failed;
  failed.set_failure_class(failure_class);
  failed.set_reason(failure_class == v1::Failed::USER ? v1::NON_FINITE_LOSS : v1::TRAINER_CRASHED);
  failed.set_message("signal 11");
  return Write([&](Transaction& transaction) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(JobRecord record, GetJob(transaction, job_id));
    ATTUNE_ASSIGN_OR_RETURN(AttemptRecord attempt, GetAttempt(transaction, job_id, record.attempt));
    attempt.slot_held = false;
    ATTUNE_RETURN_IF_ERROR(EndAttempt(transaction, record, attempt, v1::Attempt::FAILED,
                                      failed.message(), loop_.clock().Now()));
    return leases_.ApplyFailure(transaction, record, attempt, failed);
  });
}

absl::Status JobWorld::ProveDead(const std::string& job_id) {
  const AttemptRecord attempt = Attempt(job_id);
  return Write([&](Transaction& transaction) {
    return leases_.ProveDead(transaction, attempt, "workers/w1 came back without it");
  });
}

std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "OK" : ErrorReasonOf(status);
}

}  // namespace attune
