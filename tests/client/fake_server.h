// SPDX-License-Identifier: Apache-2.0
// A server of the same protos that a test scripts: it loses replies, cuts streams and corrupts
// bytes on demand. Tests set it up before a call and look at it after; calls run on gRPC's threads.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "attune/v1/admin_service.grpc.pb.h"
#include "attune/v1/blob_service.grpc.pb.h"
#include "attune/v1/dataset_service.grpc.pb.h"
#include "attune/v1/job_service.grpc.pb.h"
#include "attune/v1/model_service.grpc.pb.h"
#include "base/errors.h"

namespace attune {

// One WatchJob stream of a script: what it sends, then how it ends.
struct ScriptedStream {
  std::vector<v1::WatchJobResponse> updates;
  grpc::Status end;
  std::function<void()> before_end;
};

class FakeJobs final : public v1::JobService::Service {
 public:
  void Put(const v1::Job& job);
  // A GetJob of `name` moves it along: each call answers the next of `states`, the last one stays.
  void PutStates(const std::string& name, std::vector<v1::Job> states);
  void AddStream(ScriptedStream stream);
  void PutCheckpoint(const v1::Checkpoint& checkpoint);  // of every job
  std::vector<v1::WatchJobRequest> watches() const;
  std::vector<v1::CreateJobRequest> creates() const;
  std::vector<std::string> tokens() const;  // "authorization" of every CreateJob
  size_t job_count() const;
  // The next so many calls of CreateJob and GetJob do their work, then say UNAVAILABLE.
  void LoseReplies(int count);
  void set_created_state(v1::Job::State state);
  void set_preview(const v1::Job& preview);  // what validate_only adds to the job

  grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request,
                         v1::Job* job) override;
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* job) override;
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request,
                         v1::Job* job) override;
  grpc::Status ListCheckpoints(grpc::ServerContext*, const v1::ListCheckpointsRequest* request,
                               v1::ListCheckpointsResponse* response) override;
  grpc::Status WatchJob(grpc::ServerContext*, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::WatchJobResponse>* writer) override;

 private:
  bool LosesReply() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, std::deque<v1::Job>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> by_request_id_ ABSL_GUARDED_BY(mutex_);
  std::deque<ScriptedStream> streams_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchJobRequest> watches_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::CreateJobRequest> creates_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mutex_);
  v1::ListCheckpointsResponse checkpoints_ ABSL_GUARDED_BY(mutex_);
  int lost_replies_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::Job preview_ ABSL_GUARDED_BY(mutex_);
  v1::Job::State created_state_ ABSL_GUARDED_BY(mutex_) = v1::Job::QUEUED;
};

class FakeBlobs final : public v1::BlobService::Service {
 public:
  void Put(const std::string& bytes);                                  // complete
  void PutUnder(const std::string& sha256, const std::string& bytes);  // whatever its digest is
  bool Has(const std::string& sha256) const;
  void PutPartial(const std::string& sha256, const std::string& bytes);
  // Each of these many writes and reads ends UNAVAILABLE after so many bytes of it.
  void CutAfter(size_t bytes, int times);
  std::vector<int64_t> offsets() const;  // of every write and read, in order
  int64_t bytes_received() const;

  grpc::Status FindMissingBlobs(grpc::ServerContext*, const v1::FindMissingBlobsRequest* request,
                                v1::FindMissingBlobsResponse* response) override;
  grpc::Status GetUpload(grpc::ServerContext*, const v1::GetUploadRequest* request,
                         v1::GetUploadResponse* response) override;
  grpc::Status WriteBlob(grpc::ServerContext*, grpc::ServerReader<v1::WriteBlobRequest>* reader,
                         v1::WriteBlobResponse* response) override;
  grpc::Status ReadBlob(grpc::ServerContext*, const v1::ReadBlobRequest* request,
                        grpc::ServerWriter<v1::ReadBlobResponse>* writer) override;

 private:
  size_t NextCut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> partial_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> offsets_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_received_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t cut_after_ ABSL_GUARDED_BY(mutex_) = 0;
  int cuts_ ABSL_GUARDED_BY(mutex_) = 0;
};

class FakeDatasets final : public v1::DatasetService::Service {
 public:
  void Put(const v1::Dataset& dataset);
  // What the check of a created dataset ends with.
  void set_verdict(const v1::Dataset& verdict);
  v1::Dataset last_created() const;

  grpc::Status CreateDataset(grpc::ServerContext*, const v1::CreateDatasetRequest* request,
                             v1::Dataset* dataset) override;
  grpc::Status GetDataset(grpc::ServerContext*, const v1::GetDatasetRequest* request,
                          v1::Dataset* dataset) override;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, v1::Dataset> datasets_ ABSL_GUARDED_BY(mutex_);
  v1::Dataset verdict_ ABSL_GUARDED_BY(mutex_);
  v1::Dataset last_created_ ABSL_GUARDED_BY(mutex_);
};

class FakeModels final : public v1::ModelService::Service {
 public:
  void Put(const v1::Model& model);
  grpc::Status CreateModel(grpc::ServerContext*, const v1::CreateModelRequest* request,
                           v1::Model* model) override;
  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                        v1::Model* model) override;
  // Answers the rows of the last set_predictions.
  grpc::Status Predict(grpc::ServerContext*, const v1::PredictRequest* request,
                       v1::PredictResponse* response) override;
  void set_predictions(const v1::PredictResponse& response);
  std::vector<v1::PredictRequest> predictions() const;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, v1::Model> models_ ABSL_GUARDED_BY(mutex_);
  v1::PredictResponse answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::PredictRequest> predictions_ ABSL_GUARDED_BY(mutex_);
};

class FakeServer {
 public:
  FakeServer();
  ~FakeServer();
  const std::string& address() const { return address_; }

  FakeJobs jobs;
  FakeBlobs blobs;
  FakeDatasets datasets;
  FakeModels models;

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace attune
