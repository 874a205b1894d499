// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/sim_transport.h"

#include <utility>

#include "tests/simulation/session_link.h"

namespace attune {
namespace {

class Stream final : public SessionStream {
 public:
  explicit Stream(std::shared_ptr<SessionLink> link) : link_(std::move(link)) {}
  ~Stream() override { link_->CloseFromAgent(); }
  void Send(v1::WorkerMessage message) override { link_->ToServer(std::move(message)); }

 private:
  const std::shared_ptr<SessionLink> link_;  // shared with the messages on their way
};

}  // namespace

std::unique_ptr<SessionStream> SimTransport::OpenSession(OnMessage on_message, OnStatus on_closed) {
  auto link = std::make_shared<SessionLink>(worker_, network_, server_, trace_,
                                            std::move(on_message), std::move(on_closed));
  link->Open();
  return std::make_unique<Stream>(std::move(link));
}

void SimTransport::ReportAttempt(v1::ReportAttemptRequest request, OnReported done) {
  network_.Call<v1::ReportAttemptResponse>(
      [&server = server_, request](Respond<v1::ReportAttemptResponse> respond) {
        server.Report(request, std::move(respond));
      },
      std::move(done));
}

void SimTransport::FindMissing(std::vector<v1::FileRef> files, OnMissing done) {
  network_.Call<std::vector<std::string>>(
      [&server = server_, files](Respond<std::vector<std::string>> respond) {
        server.FindMissing(files, respond);
      },
      std::move(done));
}

void SimTransport::FetchBlob(v1::FileRef file, std::string destination, OnStatus done) {
  network_.Call<std::string>(
      [&server = server_, file](Respond<std::string> respond) { server.ReadBlob(file, respond); },
      [&io = io_, &files = files_, destination,
       done = std::move(done)](absl::StatusOr<std::string> bytes) mutable {
        io.Post([&files, destination, bytes = std::move(bytes), done = std::move(done)]() mutable {
          done(bytes.ok() ? files.WriteFileAtomically(destination, *bytes) : bytes.status());
        });
      });
}

void SimTransport::UploadBlob(std::string path, v1::FileRef file, OnStatus done) {
  io_.Post([this, path, file, done = std::move(done)]() mutable {
    absl::StatusOr<std::string> bytes = files_.ReadFile(path);
    if (!bytes.ok()) return done(bytes.status());
    network_.Call<Nothing>(
        [&server = server_, file, bytes = *bytes](Respond<Nothing> respond) {
          server.WriteBlob(file, bytes, std::move(respond));
        },
        [done = std::move(done)](absl::StatusOr<Nothing> reply) mutable { done(reply.status()); });
  });
}

}  // namespace attune
