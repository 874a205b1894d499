// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "server/store/inputs_table.h"
#include "tests/simulation/final_state.h"
#include "tests/simulation/sim_server_process.h"

namespace attune {
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
  const absl::Status started = StartProcess();
  if (!started.ok()) Kill();
  return started;
}

absl::Status SimServer::StartProcess() {
  ATTUNE_RETURN_IF_ERROR(OpenProcess(*process_));
  if (!has_inputs_) ATTUNE_RETURN_IF_ERROR(AddInputs());
  has_inputs_ = true;
  for (const auto& [name, job] : ReadJobs(*process_->store)) {
    for (const AttemptRecord& attempt : job.attempts) {
      process_->applied[attempt.fence] = attempt.next_index;
    }
  }
  for (std::string& problem : BrokenCheckpoints(*this, history_))
    history_.broken.push_back(problem);
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

void SimServer::DamageACheckpoint() {
  if (!up()) return;
  std::vector<v1::FileRef> files;
  for (const auto& [name, job] : ReadJobs(*process_->store)) {
    if (job.record.job.state() >= v1::Job::SUCCEEDED) continue;
    for (const CheckpointRecord& row : job.checkpoints) {
      files.insert(files.end(), row.checkpoint.files().begin(), row.checkpoint.files().end());
    }
  }
  if (files.empty()) return;
  const v1::FileRef& file = files[rng_.Below(files.size())];
  const auto offset = static_cast<int64_t>(rng_.Below(static_cast<uint64_t>(file.size_bytes())));
  trace_.Line("rot in ", file.path(), " ", file.sha256().substr(0, 8));
  // One that was set aside already is not there.
  (void)disk_.Damage(process_->blobs->PathOf(file.sha256()), offset, 1);
  history_.damaged_blobs.insert(file.sha256());
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

Store& SimServer::store() { return *process_->store; }
BlobStore& SimServer::blobs() { return *process_->blobs; }
FileSystem& SimServer::blob_files() {
  if (blob_disk_lies_) return lying_files_;
  return memory_files_;
}

}  // namespace attune
