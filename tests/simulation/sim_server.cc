// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_server.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/digest.h"
#include "base/errors.h"
#include "server/blobs/blob_store.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/leases.h"
#include "server/scheduler/scheduler.h"
#include "server/session/report_ingest.h"
#include "server/session/trainer_logs.h"
#include "server/store/events_table.h"
#include "server/store/inputs_table.h"
#include "tests/simulation/final_state.h"
#include "tests/simulation/sim_checks.h"

namespace attune {
namespace {

std::string IdOf(const std::string& job) { return job.substr(5); }  // after "jobs/"

}  // namespace

// Members in build order. The blobs outlive the store, whose queue may hold unfinished uploads.
struct SimServer::Process {
  explicit Process(SimLoop& loop)
      : writer(loop.NewExecutor("writer")),
        disk(loop.NewExecutor("disk")),
        session_lane(loop.NewExecutor("session")),
        scheduler_lane(loop.NewExecutor("scheduler")),
        check_lane(loop.NewExecutor("checks")) {}
  std::vector<SimExecutor*> lanes() {
    return {&writer, &disk, &session_lane, &scheduler_lane, &check_lane};
  }

  SimExecutor &writer, &disk, &session_lane, &scheduler_lane, &check_lane;
  bool dead = false;  // what still runs of it is not heard any more
  JobCounters counters;
  std::optional<BlobStore> blobs;
  std::unique_ptr<Store> store;
  std::optional<JobLifecycle> lifecycle;
  std::optional<Leases> leases;
  std::optional<TrainerLogs> logs;
  std::optional<Scheduler> scheduler;
  std::optional<SessionRegistry> sessions;
  std::optional<ReportIngest> ingest;
  std::optional<SimChecks> checks;
  std::map<int64_t, int64_t> applied;  // reports below this index, by fence
  std::vector<std::function<void(absl::Status)>> connections;
};

SimServer::SimServer(SimLoop& loop, Rng& rng, Trace& trace, History& history, bool blob_disk_lies)
    : loop_(loop),
      rng_(rng),
      trace_(trace),
      history_(history),
      memory_files_(disk_),
      blob_disk_lies_(blob_disk_lies),
      vfs_(absl::StrCat("simulation-", reinterpret_cast<uintptr_t>(this)), disk_, rng,
           loop.clock()),
      hardware_(loop.NewExecutor("server hardware")) {
  disk_.MakeDirs("/data").IgnoreError();
  disk_.SyncDir("").IgnoreError();
}

SimServer::~SimServer() {
  if (process_) EndProcess("end");
}

absl::Status SimServer::OpenProcess(Process& p) {
  Store::Options options;
  options.path = "/data/attune.db";
  options.vfs = vfs_.name();
  options.files = &memory_files_;
  ATTUNE_ASSIGN_OR_RETURN(
      p.store, Store::Open(options, p.writer, rng_, [this](const absl::Status&) { OnFatal(); }));
  p.blobs.emplace(BlobStore::Options{"/data/blobs", 0}, *p.store, blob_files(), p.disk);
  ATTUNE_RETURN_IF_ERROR(p.blobs->Init());
  const Clock& clock = loop_.clock();
  p.lifecycle.emplace(clock, rng_, p.counters);
  p.leases.emplace(*p.lifecycle, clock, rng_);
  p.logs.emplace(memory_files_, "/data/logs");
  p.scheduler.emplace(*p.store, *p.leases, p.counters, p.scheduler_lane);
  p.sessions.emplace(*p.store, *p.leases, p.counters, p.session_lane, SessionOptions());
  p.ingest.emplace(*p.store, *p.lifecycle, *p.leases, *p.logs, p.counters, clock);
  p.checks.emplace(*p.store, *p.lifecycle, p.check_lane, rng_);
  return absl::OkStatus();
}

absl::Status SimServer::Start() {
  trace_.Line("server starts");
  process_ = std::make_unique<Process>(loop_);
  ATTUNE_RETURN_IF_ERROR(OpenProcess(*process_));
  if (!has_inputs_) ATTUNE_RETURN_IF_ERROR(AddInputs());
  has_inputs_ = true;
  for (const auto& [name, job] : ReadJobs(*process_->store)) {
    for (const AttemptRecord& attempt : job.attempts) {
      process_->applied[attempt.fence] = attempt.next_index;
    }
  }
  for (std::string& problem : BrokenCheckpoints(*this)) history_.broken.push_back(problem);
  ATTUNE_RETURN_IF_ERROR(process_->sessions->Start());
  process_->checks->Start();
  return process_->scheduler->Start();
}

// What a user would have uploaded and had checked before.
absl::Status SimServer::AddInputs() {
  std::vector<v1::FileRef> files;
  for (const auto& [path, bytes] :
       {std::pair<std::string, std::string>("model.safetensors", "base weights"),
        std::pair<std::string, std::string>("reviews.csv", "text,label\ngood,1\n")}) {
    v1::FileRef& file = files.emplace_back();
    file.set_path(path);
    file.set_size_bytes(static_cast<int64_t>(bytes.size()));
    file.set_sha256(Sha256::Hex(bytes));
    WriteBlob(file, bytes, [](const absl::StatusOr<Nothing>&) {});
  }
  absl::Status added;
  process_->store->Write(
      Lane::kUrgent,
      [files](Transaction& transaction) -> absl::Status {
        v1::Model base;
        base.set_name("models/base");
        base.set_state(v1::Model::READY);
        base.set_model_type("bert");
        *base.add_files() = files[0];
        ATTUNE_RETURN_IF_ERROR(InsertModel(transaction, base));
        v1::Dataset reviews;
        reviews.set_name("datasets/reviews");
        reviews.set_state(v1::Dataset::READY);
        reviews.set_format(v1::Dataset::CSV);
        *reviews.mutable_file() = files[1];
        return InsertDataset(transaction, reviews);
      },
      [&added](absl::Status status) { added = std::move(status); });
  loop_.RunFor(absl::Seconds(2));
  return added;
}

// ---- faults ----

void SimServer::EndProcess(const std::string& how) {
  trace_.Line("server ", how);
  for (SimExecutor* lane : process_->lanes()) loop_.Kill(*lane);
  for (const auto& close : process_->connections) close(absl::UnavailableError("server gone"));
  disk_.Stop();
  process_.reset();
}

void SimServer::Kill() {
  EndProcess("killed");
  disk_.RestartIntact();
}

void SimServer::PowerOff() {
  if (rng_.Below(2) == 0) process_->connections.clear();  // nobody is told
  EndProcess("lost power");
  disk_.Restart(rng_);
}

void SimServer::FailDiskAfter(int64_t operations) {
  disk_.StopAfter(operations);
  hardware_.PostAfter(absl::Milliseconds(500), [this, process = process_.get()] {
    if (process_.get() == process) PowerOff();
  });
}

// The process ends in the very instruction, so nothing of it may run or be heard from here on.
void SimServer::OnFatal() {
  process_->dead = true;
  for (SimExecutor* lane : process_->lanes()) loop_.Kill(*lane);
  hardware_.Post([this, process = process_.get()] {
    if (process_.get() == process) PowerOff();
  });
}

void SimServer::Pause() {
  trace_.Line("server stopped");
  paused_ = true;
  for (SimExecutor* lane : process_->lanes()) loop_.Pause(*lane);
}

void SimServer::Resume() {
  trace_.Line("server goes on");
  paused_ = false;
  if (!process_) return;
  for (SimExecutor* lane : process_->lanes()) loop_.Resume(*lane);
}

// ---- calls ----

// The process that serves; nullptr: the call was answered here, or comes again.
template <typename Reply>
SimServer::Process* SimServer::Serving(const Respond<Reply>& respond, std::function<void()> again) {
  if (process_ && paused_) {
    hardware_.PostAfter(absl::Milliseconds(200), std::move(again));
    return nullptr;
  }
  if (process_ && !process_->dead) return process_.get();
  respond(absl::UnavailableError("connection refused"));
  return nullptr;
}

std::shared_ptr<SessionHandle> SimServer::OpenSession(
    std::function<void(v1::SchedulerMessage)> send, std::function<void(absl::Status)> close) {
  if (!process_ || process_->dead) return nullptr;
  process_->connections.push_back(close);
  return process_->sessions->Open(std::move(send), std::move(close));
}

void SimServer::Report(v1::ReportAttemptRequest request,
                       Respond<v1::ReportAttemptResponse> respond) {
  Process* p = Serving<v1::ReportAttemptResponse>(
      respond, [this, request, respond] { Report(request, respond); });
  if (p == nullptr) return;
  auto done = [this, p, request, respond](absl::StatusOr<v1::ReportAttemptResponse> answer) {
    if (p->dead) return;
    trace_.Line(
        "report ", request.job(), " fence ", request.fence(), " from ", request.first_index(), ": ",
        answer.ok() ? absl::StrCat(answer->next_index())
                    : absl::StrCat(ErrorReasonOf(answer.status()), " ", answer.status().message()));
    if (answer.ok()) {
      NoteApplied(request, answer->next_index());
      p->sessions->NoteReport(request.fence());
    }
    respond(std::move(answer));
  };
  p->ingest->Report(request, std::move(done));
}

void SimServer::NoteApplied(const v1::ReportAttemptRequest& request, int64_t next_index) {
  int64_t& known = process_->applied[request.fence()];
  if (next_index <= known) return;
  history_.applied.push_back(
      {request.job(), request.attempt(), request.fence(), known, next_index});
  known = next_index;
}

void SimServer::FindMissing(const std::vector<v1::FileRef>& files,
                            const Respond<std::vector<std::string>>& respond) {
  Process* p = Serving<std::vector<std::string>>(
      respond, [this, files, respond] { FindMissing(files, respond); });
  if (p == nullptr) return;
  std::vector<std::string> missing;
  for (const v1::FileRef& file : files) {
    const absl::StatusOr<bool> has = p->blobs->Has(file.sha256(), file.size_bytes());
    if (!has.ok()) return respond(has.status());
    if (!*has) missing.push_back(file.sha256());
  }
  trace_.Line("find missing: ", missing.size(), " of ", files.size());
  respond(std::move(missing));
}

void SimServer::ReadBlob(const v1::FileRef& file, const Respond<std::string>& respond) {
  Process* p = Serving<std::string>(respond, [this, file, respond] { ReadBlob(file, respond); });
  if (p == nullptr) return;
  auto open = p->blobs->OpenBlob(file.sha256());
  if (!open.ok()) return respond(open.status());
  std::string bytes(static_cast<size_t>(file.size_bytes()), '\0');
  const absl::StatusOr<size_t> got = (*open)->ReadAt(0, bytes.data(), bytes.size());
  if (!got.ok()) return respond(got.status());
  // The client of the real transport verifies what it got.
  if (Sha256::Hex(bytes) != file.sha256()) return respond(absl::DataLossError("other bytes"));
  respond(std::move(bytes));
}

// Two halves with a pause between them, so that a crash leaves half an upload to go on with.
void SimServer::WriteBlob(const v1::FileRef& file, const std::string& bytes,
                          Respond<Nothing> respond) {
  Process* p =
      Serving<Nothing>(respond, [this, file, bytes, respond] { WriteBlob(file, bytes, respond); });
  if (p == nullptr) return;
  trace_.Line("upload of ", file.path(), " ", file.sha256().substr(0, 8));
  const auto state = p->blobs->GetUpload(file.sha256(), file.size_bytes());
  if (!state.ok() || state->complete) {
    if (!state.ok()) return respond(state.status());
    return respond(Nothing{});
  }
  auto started = p->blobs->StartUpload(file.sha256(), file.size_bytes(), state->committed_bytes);
  if (!started.ok()) return respond(started.status());
  const std::string rest = bytes.substr(static_cast<size_t>(state->committed_bytes));
  const size_t half = rest.size() / 2;
  if (const auto status = (*started)->Append(rest.substr(0, half)); !status.ok()) {
    return respond(status);
  }
  p->disk.PostAfter(absl::Milliseconds(50),
                    [p, rest = rest.substr(half), respond, upload = *std::move(started)]() mutable {
                      if (const auto status = upload->Append(rest); !status.ok())
                        return respond(status);
                      upload->Finish([p, respond](absl::Status status) {
                        if (p->dead) return;
                        if (!status.ok()) return respond(std::move(status));
                        respond(Nothing{});
                      });
                    });
}

void SimServer::ChangeJob(JobCall call, Respond<JobView> respond) {
  Process* p = Serving<JobView>(respond, [this, call, respond] { ChangeJob(call, respond); });
  if (p == nullptr) return;
  auto view = std::make_shared<JobView>();  // shared by the two callbacks of one write
  p->store->Write(
      Lane::kUrgent,
      [p, call, view](Transaction& transaction) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(view->job, call(*p->lifecycle, transaction));
        ATTUNE_ASSIGN_OR_RETURN(view->sequence,
                                NewestSequence(transaction, IdOf(view->job.name())));
        return absl::OkStatus();
      },
      [p, view, respond](absl::Status status) {
        if (p->dead) return;
        status.ok() ? respond(*view) : respond(std::move(status));
      });
}

void SimServer::GetJob(const std::string& name, const Respond<JobView>& respond) {
  Process* p = Serving<JobView>(respond, [this, name, respond] { GetJob(name, respond); });
  if (p == nullptr) return;
  JobView view;
  const absl::Status status = p->store->Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(JobRecord record, attune::GetJob(snapshot, IdOf(name)));
    view.job = std::move(record.job);
    ATTUNE_ASSIGN_OR_RETURN(view.sequence, NewestSequence(snapshot, IdOf(name)));
    return absl::OkStatus();
  });
  status.ok() ? respond(std::move(view)) : respond(status);
}

void SimServer::ListEvents(const std::string& name, int64_t after,
                           const Respond<std::vector<v1::JobEvent>>& respond) {
  Process* p = Serving<std::vector<v1::JobEvent>>(
      respond, [this, name, after, respond] { ListEvents(name, after, respond); });
  if (p == nullptr) return;
  std::vector<v1::JobEvent> events;
  const absl::Status status = p->store->Read([&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(events, attune::ListEvents(snapshot, IdOf(name), after, 5));
    return absl::OkStatus();
  });
  status.ok() ? respond(std::move(events)) : respond(status);
}

Store& SimServer::store() { return *process_->store; }
BlobStore& SimServer::blobs() { return *process_->blobs; }
FileSystem& SimServer::blob_files() {
  if (blob_disk_lies_) return lying_files_;
  return memory_files_;
}

}  // namespace attune
