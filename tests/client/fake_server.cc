// SPDX-License-Identifier: Apache-2.0
#include "tests/client/fake_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/grpc_status.h"

namespace attune {
namespace {

constexpr size_t kReadChunk = 1000;

grpc::Status NotFound(const std::string& name) {
  return ToGrpcStatus(MakeError(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                                absl::StrCat(name, " does not exist")));
}

grpc::Status Cut() { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut"); }

}  // namespace

void FakeJobs::Put(const v1::Job& job) { PutStates(job.name(), {job}); }

void FakeJobs::PutStates(const std::string& name, std::vector<v1::Job> states) {
  absl::MutexLock lock(&mutex_);
  jobs_[name] = {states.begin(), states.end()};
}

void FakeJobs::AddStream(ScriptedStream stream) {
  absl::MutexLock lock(&mutex_);
  streams_.push_back(std::move(stream));
}

void FakeJobs::PutCheckpoint(const v1::Checkpoint& checkpoint) {
  absl::MutexLock lock(&mutex_);
  *checkpoints_.add_checkpoints() = checkpoint;
}

grpc::Status FakeJobs::ListCheckpoints(grpc::ServerContext*, const v1::ListCheckpointsRequest*,
                                       v1::ListCheckpointsResponse* response) {
  absl::MutexLock lock(&mutex_);
  *response = checkpoints_;
  return grpc::Status::OK;
}

std::vector<v1::WatchJobRequest> FakeJobs::watches() const {
  absl::MutexLock lock(&mutex_);
  return watches_;
}

std::vector<v1::CreateJobRequest> FakeJobs::creates() const {
  absl::MutexLock lock(&mutex_);
  return creates_;
}

std::vector<std::string> FakeJobs::tokens() const {
  absl::MutexLock lock(&mutex_);
  return tokens_;
}

size_t FakeJobs::job_count() const {
  absl::MutexLock lock(&mutex_);
  return jobs_.size();
}

void FakeJobs::LoseReplies(int count) {
  absl::MutexLock lock(&mutex_);
  lost_replies_ = count;
}

void FakeJobs::set_created_state(v1::Job::State state) {
  absl::MutexLock lock(&mutex_);
  created_state_ = state;
}

void FakeJobs::set_preview(const v1::Job& preview) {
  absl::MutexLock lock(&mutex_);
  preview_ = preview;
}

bool FakeJobs::LosesReply() { return lost_replies_ > 0 && lost_replies_-- > 0; }

grpc::Status FakeJobs::CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request,
                                 v1::Job* job) {
  absl::MutexLock lock(&mutex_);
  creates_.push_back(*request);
  const auto& metadata = context->client_metadata();
  const auto token = metadata.find("authorization");
  tokens_.emplace_back(
      token == metadata.end() ? "" : std::string(token->second.data(), token->second.size()));
  if (request->validate_only()) {
    *job = request->job();
    job->MergeFrom(preview_);
    return grpc::Status::OK;
  }
  std::string& name = by_request_id_[request->request_id()];
  if (name.empty()) {
    name = request->job_id().empty() ? absl::StrCat("jobs/made-", jobs_.size() + 1)
                                     : absl::StrCat("jobs/", request->job_id());
    v1::Job made = request->job();
    made.set_name(name);
    made.set_state(created_state_);
    made.mutable_queue()->set_position(1);
    jobs_[name] = {made};
  }
  *job = jobs_[name].front();
  return LosesReply() ? Cut() : grpc::Status::OK;
}

grpc::Status FakeJobs::GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                              v1::Job* job) {
  absl::MutexLock lock(&mutex_);
  const auto found = jobs_.find(request->name());
  if (found == jobs_.end()) return NotFound(request->name());
  if (LosesReply()) return Cut();
  *job = found->second.front();
  if (found->second.size() > 1) found->second.pop_front();
  return grpc::Status::OK;
}

grpc::Status FakeJobs::ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                                v1::ListJobsResponse* response) {
  absl::MutexLock lock(&mutex_);
  // One job a page.
  auto at = jobs_.lower_bound(request->page_token());
  if (at == jobs_.end()) return grpc::Status::OK;
  *response->add_jobs() = at->second.front();
  if (++at != jobs_.end()) response->set_next_page_token(at->first);
  return grpc::Status::OK;
}

grpc::Status FakeJobs::CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request,
                                 v1::Job* job) {
  absl::MutexLock lock(&mutex_);
  const auto found = jobs_.find(request->name());
  if (found == jobs_.end()) return NotFound(request->name());
  *job = found->second.front();
  job->set_state(v1::Job::CANCELLED);
  found->second = {*job};
  return grpc::Status::OK;
}

grpc::Status FakeJobs::WatchJob(grpc::ServerContext*, const v1::WatchJobRequest* request,
                                grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  ScriptedStream stream;
  {
    absl::MutexLock lock(&mutex_);
    watches_.push_back(*request);
    if (!jobs_.contains(request->name())) return NotFound(request->name());
    if (streams_.empty()) return Cut();
    stream = std::move(streams_.front());
    streams_.pop_front();
  }
  for (const auto& update : stream.updates) writer->Write(update);
  if (stream.before_end) stream.before_end();
  return stream.end;
}

void FakeBlobs::Put(const std::string& bytes) { PutUnder(Sha256::Hex(bytes), bytes); }

void FakeBlobs::PutUnder(const std::string& sha256, const std::string& bytes) {
  absl::MutexLock lock(&mutex_);
  blobs_[sha256] = bytes;
}

bool FakeBlobs::Has(const std::string& sha256) const {
  absl::MutexLock lock(&mutex_);
  return blobs_.contains(sha256);
}

void FakeBlobs::PutPartial(const std::string& sha256, const std::string& bytes) {
  absl::MutexLock lock(&mutex_);
  partial_[sha256] = bytes;
}

void FakeBlobs::CutAfter(size_t bytes, int times) {
  absl::MutexLock lock(&mutex_);
  cut_after_ = bytes;
  cuts_ = times;
}

std::vector<int64_t> FakeBlobs::offsets() const {
  absl::MutexLock lock(&mutex_);
  return offsets_;
}

int64_t FakeBlobs::bytes_received() const {
  absl::MutexLock lock(&mutex_);
  return bytes_received_;
}

size_t FakeBlobs::NextCut() {
  if (cuts_ == 0) return SIZE_MAX;
  --cuts_;
  return cut_after_;
}

grpc::Status FakeBlobs::FindMissingBlobs(grpc::ServerContext*,
                                         const v1::FindMissingBlobsRequest* request,
                                         v1::FindMissingBlobsResponse* response) {
  absl::MutexLock lock(&mutex_);
  for (const auto& blob : request->blobs()) {
    if (!blobs_.contains(blob.sha256())) *response->add_missing() = blob;
  }
  return grpc::Status::OK;
}

grpc::Status FakeBlobs::GetUpload(grpc::ServerContext*, const v1::GetUploadRequest* request,
                                  v1::GetUploadResponse* response) {
  absl::MutexLock lock(&mutex_);
  response->set_complete(blobs_.contains(request->blob().sha256()));
  response->set_committed_bytes(static_cast<int64_t>(partial_[request->blob().sha256()].size()));
  return grpc::Status::OK;
}

grpc::Status FakeBlobs::WriteBlob(grpc::ServerContext*,
                                  grpc::ServerReader<v1::WriteBlobRequest>* reader,
                                  v1::WriteBlobResponse* response) {
  v1::WriteBlobRequest request;
  v1::BlobDigest blob;
  size_t received = 0;
  absl::MutexLock lock(&mutex_);
  const size_t cut = NextCut();
  for (bool first = true; reader->Read(&request); first = false) {
    if (first) {
      blob = request.blob();
      offsets_.push_back(request.offset());
      const auto committed = static_cast<int64_t>(partial_[blob.sha256()].size());
      if (request.offset() > committed) {
        return ToGrpcStatus(MakeError(absl::StatusCode::kAborted, "UPLOAD_OFFSET", "a hole"));
      }
      partial_[blob.sha256()].resize(static_cast<size_t>(request.offset()));
    }
    received += request.data().size();
    bytes_received_ += static_cast<int64_t>(request.data().size());
    partial_[blob.sha256()] += request.data();
    if (received >= cut) return Cut();
  }
  const std::string bytes = std::exchange(partial_[blob.sha256()], "");
  if (Sha256::Hex(bytes) != blob.sha256()) {
    return ToGrpcStatus(MakeError(absl::StatusCode::kDataLoss, "BLOB_MISMATCH", "other bytes"));
  }
  response->set_committed_bytes(static_cast<int64_t>(bytes.size()));
  blobs_[blob.sha256()] = bytes;
  return grpc::Status::OK;
}

grpc::Status FakeBlobs::ReadBlob(grpc::ServerContext*, const v1::ReadBlobRequest* request,
                                 grpc::ServerWriter<v1::ReadBlobResponse>* writer) {
  std::string bytes;
  size_t cut = 0;
  {
    absl::MutexLock lock(&mutex_);
    offsets_.push_back(request->offset());
    const auto found = blobs_.find(request->blob().sha256());
    if (found == blobs_.end()) return NotFound("the blob");
    bytes = found->second;
    cut = NextCut();
  }
  size_t sent = 0;
  for (size_t at = static_cast<size_t>(request->offset()); at < bytes.size(); at += kReadChunk) {
    v1::ReadBlobResponse chunk;
    chunk.set_data(bytes.substr(at, kReadChunk));
    writer->Write(chunk);
    sent += chunk.data().size();
    if (sent >= cut) return Cut();
  }
  return grpc::Status::OK;
}

void FakeDatasets::Put(const v1::Dataset& dataset) {
  absl::MutexLock lock(&mutex_);
  datasets_[dataset.name()] = dataset;
}

void FakeDatasets::set_verdict(const v1::Dataset& verdict) {
  absl::MutexLock lock(&mutex_);
  verdict_ = verdict;
}

grpc::Status FakeDatasets::CreateDataset(grpc::ServerContext*,
                                         const v1::CreateDatasetRequest* request,
                                         v1::Dataset* dataset) {
  absl::MutexLock lock(&mutex_);
  v1::Dataset& stored = datasets_[absl::StrCat("datasets/", request->dataset_id())];
  if (stored.name().empty()) {
    stored = request->dataset();
    stored.set_name(absl::StrCat("datasets/", request->dataset_id()));
    stored.set_state(v1::Dataset::CHECKING);
  }
  last_created_ = stored;
  *dataset = stored;
  return grpc::Status::OK;
}

v1::Dataset FakeDatasets::last_created() const {
  absl::MutexLock lock(&mutex_);
  return last_created_;
}

grpc::Status FakeDatasets::GetDataset(grpc::ServerContext*, const v1::GetDatasetRequest* request,
                                      v1::Dataset* dataset) {
  absl::MutexLock lock(&mutex_);
  const auto found = datasets_.find(request->name());
  if (found == datasets_.end()) return NotFound(request->name());
  *dataset = found->second;
  // The first look at it sees CHECKING.
  if (found->second.state() == v1::Dataset::CHECKING) found->second.MergeFrom(verdict_);
  return grpc::Status::OK;
}

void FakeModels::Put(const v1::Model& model) {
  absl::MutexLock lock(&mutex_);
  models_[model.name()] = model;
}

grpc::Status FakeModels::CreateModel(grpc::ServerContext*, const v1::CreateModelRequest* request,
                                     v1::Model* model) {
  absl::MutexLock lock(&mutex_);
  v1::Model& stored = models_[absl::StrCat("models/", request->model_id())];
  if (stored.name().empty()) {
    stored = request->model();
    stored.set_name(absl::StrCat("models/", request->model_id()));
    stored.set_state(v1::Model::READY);
  }
  *model = stored;
  return grpc::Status::OK;
}

grpc::Status FakeModels::GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                                  v1::Model* model) {
  absl::MutexLock lock(&mutex_);
  const auto found = models_.find(request->name());
  if (found == models_.end()) return NotFound(request->name());
  *model = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeModels::Predict(grpc::ServerContext*, const v1::PredictRequest* request,
                                 v1::PredictResponse* response) {
  absl::MutexLock lock(&mutex_);
  predictions_.push_back(*request);
  *response = answer_;
  return grpc::Status::OK;
}

void FakeModels::set_predictions(const v1::PredictResponse& response) {
  absl::MutexLock lock(&mutex_);
  answer_ = response;
}

std::vector<v1::PredictRequest> FakeModels::predictions() const {
  absl::MutexLock lock(&mutex_);
  return predictions_;
}

FakeServer::FakeServer() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&jobs);
  builder.RegisterService(&blobs);
  builder.RegisterService(&datasets);
  builder.RegisterService(&models);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() { server_->Shutdown(); }

}  // namespace attune
