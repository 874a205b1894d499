// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/grpc_transport.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "attune/v1/blob_service.grpc.pb.h"
#include "attune/v1/worker_service.grpc.pb.h"
#include "base/digest.h"
#include "base/errors.h"
#include "base/grpc_status.h"
#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

bool HasToken(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  return found != context.client_metadata().end() && found->second == "Bearer secret";
}

class TestWorkers final : public v1::WorkerService::Service {
 public:
  grpc::Status OpenSession(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::SchedulerMessage, v1::WorkerMessage>* stream) override {
    if (!HasToken(*context)) return ToGrpcStatus(absl::UnauthenticatedError("no token"));
    v1::WorkerMessage message;
    while (stream->Read(&message)) {
      v1::SchedulerMessage answer;
      if (message.has_hello()) {
        answer.mutable_welcome()->set_incarnation(message.hello().worker_id());
      } else if (message.heartbeat().draining()) {
        return ToGrpcStatus(
            MakeError(absl::StatusCode::kAborted, "SESSION_REPLACED", "a newer session"));
      } else {
        answer.mutable_renewal()->set_heartbeat_sequence(message.heartbeat().sequence());
      }
      stream->Write(answer);
    }
    return grpc::Status::OK;
  }
  grpc::Status ReportAttempt(grpc::ServerContext* context, const v1::ReportAttemptRequest* request,
                             v1::ReportAttemptResponse* response) override {
    if (!HasToken(*context)) return ToGrpcStatus(absl::UnauthenticatedError("no token"));
    if (request->fence() == 0) {
      return ToGrpcStatus(
          MakeError(absl::StatusCode::kOutOfRange, "REPORT_HOLE", "a hole", {{"next_index", "4"}}));
    }
    response->set_next_index(request->first_index() + request->reports_size());
    return grpc::Status::OK;
  }
};

// Blobs in memory, with cuts after so many messages of a call.
class TestBlobs final : public v1::BlobService::Service {
 public:
  void Put(const std::string& sha256, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    blobs_[sha256] = bytes;
  }
  std::string Stored(const std::string& sha256) {
    const std::lock_guard lock(mutex_);
    return blobs_[sha256];
  }
  // Each transfer ends so after so many messages; -1: none does.
  void CutAfter(int messages) {
    const std::lock_guard lock(mutex_);
    cut_after_ = messages;
  }
  std::vector<int64_t> read_offsets() {
    const std::lock_guard lock(mutex_);
    return read_offsets_;
  }
  std::vector<int64_t> write_offsets() {
    const std::lock_guard lock(mutex_);
    return write_offsets_;
  }

  grpc::Status FindMissingBlobs(grpc::ServerContext*, const v1::FindMissingBlobsRequest* request,
                                v1::FindMissingBlobsResponse* response) override {
    const std::lock_guard lock(mutex_);
    for (const v1::BlobDigest& blob : request->blobs()) {
      if (!blobs_.contains(blob.sha256())) *response->add_missing() = blob;
    }
    return grpc::Status::OK;
  }
  grpc::Status GetUpload(grpc::ServerContext*, const v1::GetUploadRequest* request,
                         v1::GetUploadResponse* response) override {
    const std::lock_guard lock(mutex_);
    response->set_complete(blobs_.contains(request->blob().sha256()));
    response->set_committed_bytes(static_cast<int64_t>(partial_[request->blob().sha256()].size()));
    return grpc::Status::OK;
  }
  grpc::Status WriteBlob(grpc::ServerContext*, grpc::ServerReader<v1::WriteBlobRequest>* reader,
                         v1::WriteBlobResponse*) override {
    const std::lock_guard lock(mutex_);
    v1::WriteBlobRequest chunk;
    v1::BlobDigest blob;
    int messages = 0;
    while (reader->Read(&chunk)) {
      EXPECT_LE(chunk.data().size(), size_t{1} << 20);
      if (messages++ == 0) {
        blob = chunk.blob();
        write_offsets_.push_back(chunk.offset());
        EXPECT_EQ(chunk.offset(), static_cast<int64_t>(partial_[blob.sha256()].size()));
      }
      partial_[blob.sha256()] += chunk.data();
      if (messages == cut_after_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
    }
    std::string& bytes = partial_[blob.sha256()];
    if (Sha256::Hex(bytes) != blob.sha256()) {
      bytes.clear();
      return ToGrpcStatus(MakeError(absl::StatusCode::kDataLoss, "BLOB_MISMATCH", "other bytes"));
    }
    blobs_[blob.sha256()] = std::move(bytes);
    return grpc::Status::OK;
  }
  grpc::Status ReadBlob(grpc::ServerContext*, const v1::ReadBlobRequest* request,
                        grpc::ServerWriter<v1::ReadBlobResponse>* writer) override {
    const std::lock_guard lock(mutex_);
    const auto found = blobs_.find(request->blob().sha256());
    if (found == blobs_.end()) return ToGrpcStatus(absl::NotFoundError("no such blob"));
    read_offsets_.push_back(request->offset());
    int messages = 0;
    for (size_t at = static_cast<size_t>(request->offset()); at < found->second.size();
         at += 1000) {
      v1::ReadBlobResponse chunk;
      chunk.set_data(found->second.substr(at, 1000));
      writer->Write(chunk);
      if (++messages == cut_after_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
    }
    return grpc::Status::OK;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> blobs_, partial_;
  std::vector<int64_t> read_offsets_, write_offsets_;
  int cut_after_ = -1;
};

class GrpcTransportTest : public ::testing::Test {
 protected:
  GrpcTransportTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&workers_);
    builder.RegisterService(&blobs_);
    server_ = builder.BuildAndStart();
    transport_ = std::make_unique<GrpcTransport>(
        io_, PosixFileSystem(),
        GrpcTransportOptions{.address = [this]() -> absl::StatusOr<std::string> {
                               return absl::StrCat("127.0.0.1:", port_);
                             },
                             .token = [this]() -> absl::StatusOr<std::string> { return token_; }});
  }
  ~GrpcTransportTest() override {
    stream_.reset();
    transport_->ShutDown();
    io_.Shutdown();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  void Connect() {
    stream_ = transport_->OpenSession(
        [this](v1::SchedulerMessage message) {
          const std::lock_guard lock(mutex_);
          received_.push_back(std::move(message));
          arrived_.notify_all();
        },
        [this](absl::Status status) { closed_.set_value(std::move(status)); });
    v1::WorkerMessage hello;
    hello.mutable_hello()->set_worker_id("w1");
    stream_->Send(hello);
  }
  bool WaitForMessages(size_t count) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, kPatience, [&] { return received_.size() >= count; });
  }
  absl::Status WaitForClose() {
    auto closed = closed_.get_future();
    if (closed.wait_for(kPatience) != std::future_status::ready) {
      return absl::InternalError("never closed");
    }
    return closed.get();
  }
  absl::Status Fetch(const v1::FileRef& file) {
    std::promise<absl::Status> done;
    transport_->FetchBlob(file, dir_.Path("blob"),
                          [&](absl::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }
  absl::Status Upload(const v1::FileRef& file) {
    std::promise<absl::Status> done;
    transport_->UploadBlob(dir_.Path("source"), file,
                           [&](absl::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }
  static std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 24);
    return bytes;
  }
  static v1::FileRef Ref(const std::string& bytes) {
    v1::FileRef file;
    file.set_path("model.safetensors");
    file.set_size_bytes(static_cast<int64_t>(bytes.size()));
    file.set_sha256(Sha256::Hex(bytes));
    return file;
  }

  TempDir dir_;
  SystemClock clock_;
  ThreadExecutor io_{"io", 2, clock_};
  int port_ = 0;
  std::string token_ = "secret";
  TestWorkers workers_;
  TestBlobs blobs_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcTransport> transport_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<v1::SchedulerMessage> received_;
  std::promise<absl::Status> closed_;
  std::unique_ptr<SessionStream> stream_;
};

TEST_F(GrpcTransportTest, CarriesASessionInOrder) {
  Connect();
  for (int i = 1; i <= 50; ++i) {
    v1::WorkerMessage message;
    message.mutable_heartbeat()->set_sequence(i);
    stream_->Send(message);
  }
  ASSERT_TRUE(WaitForMessages(51));
  EXPECT_EQ(received_[0].welcome().incarnation(), "w1");
  for (int i = 1; i <= 50; ++i) EXPECT_EQ(received_[i].renewal().heartbeat_sequence(), i);
}

TEST_F(GrpcTransportTest, SaysWhyTheSessionEnded) {
  Connect();
  v1::WorkerMessage message;
  message.mutable_heartbeat()->set_draining(true);
  stream_->Send(message);
  EXPECT_EQ(ErrorReasonOf(WaitForClose()), "SESSION_REPLACED");
}

TEST_F(GrpcTransportTest, AWrongTokenAndADeadServerCloseTheSession) {
  token_ = "wrong";
  Connect();
  EXPECT_EQ(WaitForClose().code(), absl::StatusCode::kUnauthenticated);
  token_ = "secret";
  server_->Shutdown(std::chrono::system_clock::now());
  closed_ = {};
  Connect();
  EXPECT_EQ(WaitForClose().code(), absl::StatusCode::kUnavailable);
}

TEST_F(GrpcTransportTest, DestroyingTheStreamClosesIt) {
  Connect();
  ASSERT_TRUE(WaitForMessages(1));
  stream_.reset();
  EXPECT_EQ(WaitForClose().code(), absl::StatusCode::kCancelled);
}

TEST_F(GrpcTransportTest, ReportsCarryTheTokenAndErrorsKeepTheirDetails) {
  Connect();
  ASSERT_TRUE(WaitForMessages(1));
  const auto report = [this](int64_t fence) {
    std::promise<absl::StatusOr<v1::ReportAttemptResponse>> done;
    v1::ReportAttemptRequest request;
    request.set_fence(fence);
    request.set_first_index(3);
    request.add_reports();
    transport_->ReportAttempt(request, [&](auto answer) { done.set_value(std::move(answer)); });
    return done.get_future().get();
  };
  EXPECT_EQ(report(1)->next_index(), 4);
  const absl::Status hole = report(0).status();
  EXPECT_EQ(ErrorReasonOf(hole), "REPORT_HOLE");
  EXPECT_EQ(GetErrorDetail(hole).metadata["next_index"], "4");
}

TEST_F(GrpcTransportTest, CallsBeforeTheFirstSessionAreUnavailableAndNotACrash) {
  EXPECT_EQ(Fetch(Ref("x")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(GrpcTransportTest, FetchesABlobAndGoesOnWhereItWasCut) {
  Connect();
  const std::string bytes = Bytes(5500);
  blobs_.Put(Sha256::Hex(bytes), bytes);
  blobs_.CutAfter(2);
  EXPECT_EQ(Fetch(Ref(bytes)).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(PosixFileSystem().Exists(dir_.Path("blob")));
  blobs_.CutAfter(-1);
  EXPECT_TRUE(Fetch(Ref(bytes)).ok());
  EXPECT_EQ(*PosixFileSystem().ReadFile(dir_.Path("blob")), bytes);
  EXPECT_THAT(blobs_.read_offsets(), ::testing::ElementsAre(0, 2000));
  EXPECT_FALSE(PosixFileSystem().Exists(dir_.Path("blob.part")));
}

TEST_F(GrpcTransportTest, KeepsNothingOfABlobWithAnotherHash) {
  Connect();
  const std::string bytes = Bytes(2500);
  blobs_.Put(Sha256::Hex(bytes), bytes.substr(0, 2499) + "!");
  EXPECT_EQ(Fetch(Ref(bytes)).code(), absl::StatusCode::kDataLoss);
  blobs_.Put(Sha256::Hex(bytes), bytes + "more");
  EXPECT_EQ(Fetch(Ref(bytes)).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(PosixFileSystem().List(dir_.path())->empty());
}

TEST_F(GrpcTransportTest, FetchesAndUploadsAnEmptyBlob) {
  Connect();
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir_.Path("source"), "").ok());
  EXPECT_TRUE(Upload(Ref("")).ok());
  EXPECT_TRUE(Fetch(Ref("")).ok());
  EXPECT_EQ(*PosixFileSystem().FileSize(dir_.Path("blob")), 0);
}

TEST_F(GrpcTransportTest, UploadsInChunksAndGoesOnWhereItWasCut) {
  Connect();
  const std::string bytes = Bytes((3 << 20) + 17);
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir_.Path("source"), bytes).ok());
  blobs_.CutAfter(2);
  EXPECT_EQ(Upload(Ref(bytes)).code(), absl::StatusCode::kUnavailable);
  blobs_.CutAfter(-1);
  EXPECT_TRUE(Upload(Ref(bytes)).ok());
  EXPECT_EQ(blobs_.Stored(Sha256::Hex(bytes)), bytes);
  EXPECT_THAT(blobs_.write_offsets(), ::testing::ElementsAre(0, 2 << 20));
  EXPECT_TRUE(Upload(Ref(bytes)).ok());
  EXPECT_EQ(blobs_.write_offsets().size(), 2u) << "what is there is not sent again";
}

TEST_F(GrpcTransportTest, AFileThatChangedIsDataLoss) {
  Connect();
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(dir_.Path("source"), "other").ok());
  EXPECT_EQ(Upload(Ref("wanted")).code(), absl::StatusCode::kDataLoss);
}

TEST_F(GrpcTransportTest, FindsWhatTheServerLacks) {
  Connect();
  blobs_.Put(Sha256::Hex("there"), "there");
  std::promise<absl::StatusOr<std::vector<std::string>>> done;
  transport_->FindMissing({Ref("there"), Ref("lacking")},
                          [&](auto missing) { done.set_value(std::move(missing)); });
  EXPECT_THAT(*done.get_future().get(), ::testing::ElementsAre(Sha256::Hex("lacking")));
}

}  // namespace
}  // namespace attune
