// SPDX-License-Identifier: Apache-2.0
#include "server/inspection/inspection.h"

#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errors.h"
#include "base/logging.h"
#include "google/protobuf/util/time_util.h"
#include "server/inspection/inspection_messages.h"
#include "server/inspection/job_input_rows.h"
#include "server/store/jobs_table.h"

namespace attune {
namespace {

constexpr int kTries = 2;                            // of a crash or a limit
constexpr absl::Duration kDelay = absl::Seconds(2);  // after a full disk or a busy store

std::string FailedMessage(std::string_view what) {
  return absl::StrCat("INSPECTION_FAILED: it could not be checked, ", kTries, " times (",
                      std::string(what),
                      "); if the file is as it should be, make it smaller or send it again");
}

}  // namespace

// A job that somebody only asks about.
struct Trial {
  v1::JobSpec spec;
  std::string check_key;
  absl::AnyInvocable<void(absl::StatusOr<CheckRecord>)> done;
  absl::StatusOr<CheckRecord> result = absl::UnavailableError("the server is stopping; try again");
};

// Everything runs on the executor.
struct Inspection::Impl {
  struct Item {
    Topic topic;                   // kDataset, kModel or kJob, and the id
    std::unique_ptr<Trial> trial;  // then the topic is kJob, without an id
  };

  Impl(Store& store, BlobStore& blobs, FileSystem& files, Inspector& inspector, Executor& executor,
       std::string work_dir, ApplyJobCheck apply)
      : store(store),
        blobs(blobs),
        files(files),
        inspector(inspector),
        executor(executor),
        model_dir(JoinPath(work_dir, "model")),
        work_dir(std::move(work_dir)),
        apply(std::move(apply)) {}

  void Start();
  void ScanAll();
  void Subscribe(TopicKind kind, TopicKind item_kind);
  void Add(Topic topic);
  void AddTrial(std::unique_ptr<Trial> trial);
  void Next();
  void Begin();
  absl::Status BeginDataset(Snapshot& snapshot);
  absl::Status BeginModel(Snapshot& snapshot);
  absl::Status BeginJob(Snapshot& snapshot);
  absl::Status BeginCheck(Snapshot& snapshot, const v1::JobSpec& spec);
  void WaitForInputs();
  void Inspect();
  void OnReport(absl::StatusOr<std::string> report);
  void Record(Store::Body body);
  void RecordDataset(absl::StatusOr<std::string> report);
  void RecordModel(absl::StatusOr<std::string> report);
  void RecordJob(CheckRecord check);
  void EndItem();

  Store& store;
  BlobStore& blobs;
  FileSystem& files;
  Inspector& inspector;
  Executor& executor;
  const std::string model_dir;  // of the one inspection that runs
  const std::string work_dir;
  const ApplyJobCheck apply;
  std::vector<std::unique_ptr<ChangeFeed::Subscription>> subscriptions;

  std::deque<Item> queue;
  std::set<Topic> queued;
  std::set<std::string> waiting_jobs;  // for a dataset or model that is CHECKING

  // The one that runs.
  std::optional<Item> current;
  std::string request;    // empty: nothing to run
  std::string check_key;  // of a job
  std::optional<CheckRecord> known_check;
  int tries = 0;
};

// Subscribes before it scans, so that nothing falls between.
void Inspection::Impl::Start() {
  Subscribe(TopicKind::kDataset, TopicKind::kDataset);
  Subscribe(TopicKind::kModel, TopicKind::kModel);
  // The job's own topic speaks of every step; this one of its states.
  Subscribe(TopicKind::kQueue, TopicKind::kJob);
  executor.Post([this] { ScanAll(); });
}

void Inspection::Impl::Subscribe(TopicKind kind, TopicKind item_kind) {
  subscriptions.push_back(store.changes().SubscribeAll(kind, [this, item_kind](const Topic& topic) {
    executor.Post([this, item = Topic{item_kind, topic.key}] {
      // Whatever became of it, jobs may have waited for it.
      if (item.kind != TopicKind::kJob) {
        for (const std::string& job : std::exchange(waiting_jobs, {})) {
          Add({TopicKind::kJob, job});
        }
      }
      Add(item);
    });
  }));
}

void Inspection::Impl::ScanAll() {
  const absl::Status prepared = [&]() -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(files.RemoveTree(work_dir));
    return files.MakeDirs(work_dir);
  }();
  std::vector<Topic> found;
  auto collect = [&found](TopicKind kind, const std::vector<std::string>& ids) {
    for (const std::string& id : ids) found.push_back({kind, id});
  };
  const absl::Status read = store.Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto datasets, ListCheckingDatasets(snapshot));
    collect(TopicKind::kDataset, datasets);
    ATTUNE_ASSIGN_OR_RETURN(const auto models, ListCheckingModels(snapshot));
    collect(TopicKind::kModel, models);
    ATTUNE_ASSIGN_OR_RETURN(const auto jobs, ListJobIdsInState(snapshot, v1::Job::VALIDATING));
    collect(TopicKind::kJob, jobs);
    return absl::OkStatus();
  });
  if (!prepared.ok() || !read.ok()) {
    LogError("cannot look for what is to be inspected; trying again",
             {{"error", Str(prepared.ok() ? read.message() : prepared.message())}});
    executor.PostAfter(kDelay, [this] { ScanAll(); });
    return;
  }
  for (Topic& topic : found) Add(std::move(topic));
}

void Inspection::Impl::Add(Topic topic) {
  if (!queued.insert(topic).second) return;
  queue.push_back({std::move(topic), nullptr});
  Next();
}

void Inspection::Impl::AddTrial(std::unique_ptr<Trial> trial) {
  queue.push_back({{TopicKind::kJob, ""}, std::move(trial)});
  Next();
}

void Inspection::Impl::Next() {
  if (current || queue.empty()) return;
  current = std::move(queue.front());
  queue.pop_front();
  if (!current->trial) queued.erase(current->topic);
  tries = 0;
  Begin();
}

// Reads the row as it is now: a topic says only "look again".
void Inspection::Impl::Begin() {
  request.clear();
  known_check.reset();
  files.RemoveTree(model_dir).IgnoreError();
  const absl::Status status = store.Read([this](Snapshot& snapshot) {
    switch (current->topic.kind) {
      case TopicKind::kDataset:
        return BeginDataset(snapshot);
      case TopicKind::kModel:
        return BeginModel(snapshot);
      default:
        return BeginJob(snapshot);
    }
  });
  if (absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    executor.PostAfter(kDelay, [this] { Begin(); });
  } else if (!status.ok()) {
    OnReport(status);
  } else if (known_check) {
    RecordJob(*known_check);
  } else if (!request.empty()) {
    Inspect();
  } else {
    EndItem();
  }
}

absl::Status Inspection::Impl::BeginDataset(Snapshot& snapshot) {
  const absl::StatusOr<v1::Dataset> dataset = GetDataset(snapshot, current->topic.key);
  if (absl::IsNotFound(dataset.status())) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(dataset.status());
  if (dataset->state() == v1::Dataset::CHECKING) {
    request = DatasetRequestJson({*dataset, blobs.PathOf(dataset->file().sha256())});
  }
  return absl::OkStatus();
}

absl::Status Inspection::Impl::BeginModel(Snapshot& snapshot) {
  const absl::StatusOr<v1::Model> model = GetModel(snapshot, current->topic.key);
  if (absl::IsNotFound(model.status())) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(model.status());
  if (model->state() != v1::Model::CHECKING) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(
      blobs.Materialise({model->files().begin(), model->files().end()}, model_dir));
  request = ModelRequestJson(model_dir);
  return absl::OkStatus();
}

absl::Status Inspection::Impl::BeginJob(Snapshot& snapshot) {
  if (const Trial* trial = current->trial.get()) {
    check_key = trial->check_key;
    return BeginCheck(snapshot, trial->spec);
  }
  const absl::StatusOr<JobRecord> record = GetJob(snapshot, current->topic.key);
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(record.status());
  if (record->job.state() != v1::Job::VALIDATING) return absl::OkStatus();
  check_key = record->check_key;
  return BeginCheck(snapshot, record->job.spec());
}

absl::Status Inspection::Impl::BeginCheck(Snapshot& snapshot, const v1::JobSpec& spec) {
  ATTUNE_ASSIGN_OR_RETURN(const JobInputRows rows, ReadJobInputRows(snapshot, spec));
  if (rows.checking()) {
    WaitForInputs();
    return absl::OkStatus();
  }
  known_check = rows.Refused();
  if (known_check) return absl::OkStatus();
  ATTUNE_ASSIGN_OR_RETURN(known_check, FindCheck(snapshot, check_key));
  if (known_check) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(
      blobs.Materialise({rows.model.files().begin(), rows.model.files().end()}, model_dir));
  auto file = [this](const std::optional<v1::Dataset>& dataset) -> std::optional<DatasetFile> {
    if (!dataset) return std::nullopt;
    return DatasetFile{*dataset, blobs.PathOf(dataset->file().sha256())};
  };
  request = JobRequestJson(
      {model_dir, rows.model.model_type(), file(rows.train), file(rows.eval), file(rows.test)},
      spec);
  return absl::OkStatus();
}

// A stored job is looked at again when one of them changes; a caller may ask again.
void Inspection::Impl::WaitForInputs() {
  if (!current->trial) {
    waiting_jobs.insert(current->topic.key);
    return;
  }
  current->trial->result =
      MakeError(absl::StatusCode::kFailedPrecondition, "INPUT_NOT_READY",
                "a dataset or model of it is still being checked; try again when it is READY");
}

void Inspection::Impl::Inspect() {
  // The inspector may answer from anywhere, also after this object's executor was shut down.
  inspector.Run(request, [this, lane = &executor](absl::StatusOr<std::string> report) {
    lane->Post([this, report = std::move(report)]() mutable { OnReport(std::move(report)); });
  });
}

void Inspection::Impl::OnReport(absl::StatusOr<std::string> report) {
  // Every kind of report has the fields of a job's.
  absl::StatusOr<CheckRecord> check =
      report.ok() ? ReadJobReport(*report) : absl::StatusOr<CheckRecord>(report.status());
  if (!check.ok()) {
    LogWarning("an inspection failed", {{"what", current->topic.key},
                                        {"error", Str(check.status().message())},
                                        {"try", Str(tries + 1)}});
    if (++tries < kTries) return Begin();
    report = check.status();
    check = CheckRecord{false, "", FailedMessage(std::string(check.status().message()))};
  }
  switch (current->topic.kind) {
    case TopicKind::kDataset:
      return RecordDataset(std::move(report));
    case TopicKind::kModel:
      return RecordModel(std::move(report));
    default:
      return RecordJob(*std::move(check));
  }
}

void Inspection::Impl::RecordDataset(absl::StatusOr<std::string> report) {
  const absl::Time now = executor.clock().Now();
  Record([id = current->topic.key, report = std::move(report), now](Transaction& transaction) {
    absl::StatusOr<v1::Dataset> dataset = GetDataset(transaction, id);
    if (!dataset.ok()) return dataset.status();
    if (dataset->state() != v1::Dataset::CHECKING) return absl::OkStatus();
    if (report.ok()) {
      ATTUNE_RETURN_IF_ERROR(ApplyDatasetReport(*report, *dataset));
    } else {
      dataset->set_state(v1::Dataset::INVALID);
      dataset->set_error_message(FailedMessage(std::string(report.status().message())));
    }
    *dataset->mutable_check_time() =
        google::protobuf::util::TimeUtil::MillisecondsToTimestamp(absl::ToUnixMillis(now));
    return PutDataset(transaction, *dataset);
  });
}

void Inspection::Impl::RecordModel(absl::StatusOr<std::string> report) {
  Record([id = current->topic.key, report = std::move(report)](Transaction& transaction) {
    absl::StatusOr<v1::Model> model = GetModel(transaction, id);
    if (!model.ok()) return model.status();
    if (model->state() != v1::Model::CHECKING) return absl::OkStatus();
    if (report.ok()) {
      ATTUNE_RETURN_IF_ERROR(ApplyModelReport(*report, *model));
    } else {
      model->set_state(v1::Model::INVALID);
      model->set_error_message(FailedMessage(std::string(report.status().message())));
    }
    return PutModel(transaction, *model);
  });
}

void Inspection::Impl::RecordJob(CheckRecord check) {
  if (current->trial) {
    current->trial->result = check;
    if (known_check) return EndItem();
  }
  Record([this, key = check_key, check = std::move(check)](Transaction& transaction) {
    return apply(transaction, key, check);
  });
}

// A full disk or a long queue is no reason to lose the result's item: it is looked at again.
void Inspection::Impl::Record(Store::Body body) {
  store.Write(Lane::kUrgent, std::move(body), [this, lane = &executor](absl::Status status) {
    lane->Post([this, status] {
      if (status.ok() || absl::IsNotFound(status)) return EndItem();
      LogWarning("cannot store the result of an inspection",
                 {{"what", current->topic.key}, {"error", Str(status.message())}});
      executor.PostAfter(kDelay, [this] { Begin(); });
    });
  });
}

void Inspection::Impl::EndItem() {
  files.RemoveTree(model_dir).IgnoreError();
  if (Trial* trial = current->trial.get()) trial->done(std::move(trial->result));
  current.reset();
  // Through the executor: a long queue of items with nothing to do is no deep recursion.
  executor.Post([this] { Next(); });
}

Inspection::Inspection(Store& store, BlobStore& blobs, FileSystem& files, Inspector& inspector,
                       Executor& executor, std::string work_dir, ApplyJobCheck apply)
    : impl_(std::make_unique<Impl>(store, blobs, files, inspector, executor, std::move(work_dir),
                                   std::move(apply))) {}

Inspection::~Inspection() {
  if (impl_->current) impl_->queue.push_back(*std::move(impl_->current));
  for (Impl::Item& item : impl_->queue) {
    if (item.trial) item.trial->done(std::move(item.trial->result));
  }
}

void Inspection::Start() { impl_->Start(); }

void Inspection::CheckJob(v1::JobSpec spec, std::string check_key,
                          absl::AnyInvocable<void(absl::StatusOr<CheckRecord>)> done) {
  auto trial = std::make_unique<Trial>();
  trial->spec = std::move(spec);
  trial->check_key = std::move(check_key);
  trial->done = std::move(done);
  impl_->executor.Post([impl = impl_.get(), trial = std::move(trial)]() mutable {
    impl->AddTrial(std::move(trial));
  });
}

}  // namespace attune
