// SPDX-License-Identifier: Apache-2.0
// The client library against a real server: what only the two together can get wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "base/digest.h"
#include "client/downloader.h"
#include "client/input_publisher.h"
#include "client/job_watcher.h"
#include "client/uploader.h"
#include "tests/integration/running_server.h"

namespace attune {
namespace {

constexpr size_t kMiB = 1 << 20;

class ClientAgainstServer : public ::testing::Test {
 protected:
  ClientAgainstServer() : connection_(server_.Connect()) {}

  // models/zero and datasets/reviews, perhaps still being checked.
  void PublishInputs() {
    WriteZeroModel(server_.Path("zero"));
    InputPublisher publisher(*connection_, PosixFileSystem());
    EXPECT_TRUE(publisher.PublishModel(server_.Path("zero"), "zero").ok());
    DatasetFile file;
    file.path = server_.WriteFile("reviews.csv", "text,label\ngood,yes\nbad,no\n");
    file.id = "reviews";
    EXPECT_TRUE(publisher.PublishDataset(file).ok());
  }

  static v1::CreateJobRequest TuneRequest() {
    v1::CreateJobRequest request;
    v1::FineTune& tune = *request.mutable_job()->mutable_spec()->mutable_fine_tune();
    tune.set_base_model("models/zero");
    tune.set_train_dataset("datasets/reviews");
    tune.mutable_text_classification();
    return request;
  }

  // A job that waits, since there is no worker.
  std::string CreateWaitingJob(const v1::CreateJobRequest& request = TuneRequest()) {
    PublishInputs();
    const auto job = connection_->Call(&v1::JobService::Stub::CreateJob, request);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->name() : "";
  }

  // The job once its checks are done.
  v1::Job Checked(const std::string& name) {
    v1::GetJobRequest request;
    request.set_name(name);
    while (true) {
      auto job = connection_->Call(&v1::JobService::Stub::GetJob, request);
      EXPECT_TRUE(job.ok()) << job.status();
      if (!job.ok() || job->state() != v1::Job::VALIDATING) return job.value_or(v1::Job());
      std::this_thread::yield();
    }
  }

  LocalFile Described(std::string_view name, std::string_view data) {
    const std::string path = server_.WriteFile(name, data);
    auto local = DescribeFile(PosixFileSystem(), path, std::string(name));
    EXPECT_TRUE(local.ok()) << local.status();
    return *std::move(local);
  }

  v1::GetUploadResponse UploadOf(const LocalFile& file) {
    v1::GetUploadRequest request;
    request.mutable_blob()->set_sha256(file.ref.sha256());
    request.mutable_blob()->set_size_bytes(file.ref.size_bytes());
    const auto state = connection_->Call(&v1::BlobService::Stub::GetUpload, request);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or(v1::GetUploadResponse());
  }

  RunningServer server_;
  std::unique_ptr<Connection> connection_;
};

class Recorder final : public WatchObserver {
 public:
  void OnEvent(const v1::JobEvent& event) override {
    sequences.push_back(event.sequence());
    if (!first_event.HasBeenNotified()) first_event.Notify();
  }
  void OnMetrics(const v1::StepMetrics&) override {}
  void OnDisconnected(const absl::Status&) override {
    if (!outage.HasBeenNotified()) outage.Notify();
  }

  std::vector<int64_t> sequences;  // of the watching thread, until it is joined
  absl::Notification first_event;
  absl::Notification outage;
};

TEST_F(ClientAgainstServer, AWatchSeesEveryEventOnceAcrossARestartOfTheServer) {
  const std::string name = CreateWaitingJob();
  Recorder seen;
  absl::StatusOr<v1::Job> watched;
  std::thread watching([&] {
    const auto connection = server_.Connect();
    SystemRng rng;
    watched = JobWatcher(*connection, seen, rng).Watch(name);
  });
  seen.first_event.WaitForNotification();
  server_.Restart();
  seen.outage.WaitForNotification();
  v1::CancelJobRequest cancel;
  cancel.set_name(name);
  EXPECT_TRUE(connection_->Call(&v1::JobService::Stub::CancelJob, cancel).ok());
  watching.join();

  ASSERT_TRUE(watched.ok()) << watched.status();
  EXPECT_EQ(watched->state(), v1::Job::CANCELLED);
  ASSERT_GE(seen.sequences.size(), 2u);
  for (size_t i = 0; i < seen.sequences.size(); ++i) {
    EXPECT_EQ(seen.sequences[i], static_cast<int64_t>(i) + 1);
  }
}

TEST_F(ClientAgainstServer, AnUploadThatWasCutGoesOnWhereItStopped) {
  const LocalFile file = Described("large", std::string(3 * kMiB, 'x'));
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + connection_->endpoint().token);
    v1::WriteBlobResponse response;
    auto stream = connection_->stub<v1::BlobService::Stub>().WriteBlob(&context, &response);
    v1::WriteBlobRequest first;
    first.mutable_blob()->set_sha256(file.ref.sha256());
    first.mutable_blob()->set_size_bytes(file.ref.size_bytes());
    first.set_data(std::string(kMiB, 'x'));
    ASSERT_TRUE(stream->Write(first));
    while (UploadOf(file).committed_bytes() == 0) std::this_thread::yield();
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  server_.Restart();

  int64_t first_progress = 0;
  Uploader uploader(*connection_, [&](const TransferProgress& progress) {
    if (first_progress == 0) first_progress = progress.done_bytes;
  });
  const absl::Status status = uploader.Upload({file});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_GE(first_progress, static_cast<int64_t>(kMiB));
  EXPECT_TRUE(UploadOf(file).complete());
}

TEST_F(ClientAgainstServer, AFileThatChangedSinceItWasDescribedIsNotKept) {
  const LocalFile file = Described("changing", std::string(1000, 'a'));
  server_.WriteFile("changing", std::string(1000, 'b'));
  const absl::Status status = Uploader(*connection_).Upload({file});
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("changed while"));
  EXPECT_FALSE(UploadOf(file).complete());
}

TEST_F(ClientAgainstServer, AModelComesBackByteForByte) {
  WriteZeroModel(server_.Path("zero"));
  InputPublisher publisher(*connection_, PosixFileSystem());
  ASSERT_TRUE(publisher.PublishModel(server_.Path("zero"), "zero").ok());
  const auto model = publisher.AwaitModel("models/zero");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->state(), v1::Model::READY) << model->error_message();

  Downloader downloader(*connection_, PosixFileSystem());
  const absl::Status status = downloader.Download({model->files().begin(), model->files().end()},
                                                  server_.Path("back"), /*replace=*/false);
  ASSERT_TRUE(status.ok()) << status;
  for (const v1::FileRef& file : model->files()) {
    const auto sent = PosixFileSystem().ReadFile(JoinPath(server_.Path("zero"), file.path()));
    const auto got = PosixFileSystem().ReadFile(JoinPath(server_.Path("back"), file.path()));
    ASSERT_TRUE(sent.ok() && got.ok()) << file.path();
    EXPECT_EQ(*sent, *got) << file.path();
    EXPECT_EQ(Sha256::Hex(*got), file.sha256());
  }
}

TEST_F(ClientAgainstServer, TheSameInputTwiceIsOneAndAnotherUnderItsIdIsRefused) {
  InputPublisher publisher(*connection_, PosixFileSystem());
  DatasetFile file;
  file.id = "reviews";
  file.path = server_.WriteFile("reviews.csv", "text,label\ngood,yes\nbad,no\n");
  ASSERT_TRUE(publisher.PublishDataset(file).ok());
  const auto again = publisher.PublishDataset(file);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_there);
  server_.WriteFile("reviews.csv", "text,label\ngood,no\nbad,yes\n");
  EXPECT_EQ(publisher.PublishDataset(file).status().code(), absl::StatusCode::kAlreadyExists);
}

// The base is still being checked when the job is made: what hangs on it is filled in later.
TEST_F(ClientAgainstServer, AJobIsCompletedAndItsMemoryEstimatedBeforeItWaits) {
  v1::CreateJobRequest request = TuneRequest();
  request.mutable_job()->mutable_spec()->mutable_fine_tune()->mutable_lora();
  const v1::Job job = Checked(CreateWaitingJob(request));
  ASSERT_EQ(job.state(), v1::Job::QUEUED) << job.reason_message();
  const v1::FineTune& tune = job.spec().fine_tune();
  EXPECT_THAT(tune.lora().target_modules(), ::testing::ElementsAre("query", "value"));
  EXPECT_DOUBLE_EQ(tune.hyperparameters().learning_rate(), 5e-4);
  EXPECT_GT(job.memory().estimated_bytes(), 0);
}

TEST_F(ClientAgainstServer, AJobThatDoesNotFitItsInputsIsRefusedByTheField) {
  PublishInputs();
  ASSERT_TRUE(InputPublisher(*connection_, PosixFileSystem()).AwaitModel("models/zero").ok());
  v1::CreateJobRequest request;
  request.mutable_job()->mutable_spec()->mutable_evaluate()->set_model("models/zero");
  request.mutable_job()->mutable_spec()->mutable_evaluate()->set_dataset("datasets/reviews");
  const auto job = connection_->Call(&v1::JobService::Stub::CreateJob, request);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(job.status().message()),
              ::testing::HasSubstr("job.spec.evaluate.model: models/zero has no classifier"));
}

}  // namespace
}  // namespace attune
