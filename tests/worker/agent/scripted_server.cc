// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/agent/scripted_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/errors.h"

namespace attune {

class ScriptedServer::Stream final : public SessionStream {
 public:
  Stream(ScriptedServer& server, int session) : server_(server), session_(session) {}
  ~Stream() override {
    if (server_.session_ == session_) server_.on_message_ = nullptr;
  }
  void Send(v1::WorkerMessage message) override {
    server_.network_.Post(
        [&server = server_, session = session_, message] { server.Receive(session, message); });
  }

 private:
  ScriptedServer& server_;
  const int session_;
};

std::unique_ptr<SessionStream> ScriptedServer::OpenSession(OnMessage on_message,
                                                           OnStatus on_closed) {
  ++session_;
  ++dials;
  on_message_ = std::move(on_message);
  on_closed_ = std::move(on_closed);
  if (!reachable) {
    network_.Post([this] { CloseSession(absl::UnavailableError("connection refused")); });
  }
  return std::make_unique<Stream>(*this, session_);
}

void ScriptedServer::Receive(int session, const v1::WorkerMessage& message) {
  if (session != session_ || !reachable || !on_message_) return;
  v1::SchedulerMessage answer;
  if (message.has_hello()) {
    hellos.push_back(message.hello());
    if (!welcomes) return;
    answer.mutable_welcome()->set_incarnation(incarnation);
    answer.mutable_welcome()->mutable_lease_ttl()->set_seconds(absl::ToInt64Seconds(lease_ttl));
    answer.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(5);
  } else if (message.has_prediction()) {
    predictions.push_back(message.prediction());
    return;
  } else {
    heartbeats.push_back(message.heartbeat());
    if (!renews) return;
    answer.mutable_renewal()->set_heartbeat_sequence(message.heartbeat().sequence());
  }
  Send(std::move(answer));
}

void ScriptedServer::Send(v1::SchedulerMessage message) {
  network_.Post([this, message = std::move(message)]() mutable {
    if (on_message_) on_message_(std::move(message));
  });
}

void ScriptedServer::Send(const v1::Lease& lease) {
  v1::SchedulerMessage message;
  *message.mutable_lease() = lease;
  Send(std::move(message));
}

void ScriptedServer::Send(const v1::Directive& directive) {
  v1::SchedulerMessage message;
  *message.mutable_directive() = directive;
  Send(std::move(message));
}

void ScriptedServer::Send(const v1::PredictOrder& order) {
  v1::SchedulerMessage message;
  *message.mutable_predict() = order;
  Send(std::move(message));
}

void ScriptedServer::CloseSession(absl::Status why) {
  on_message_ = nullptr;
  if (on_closed_) std::exchange(on_closed_, nullptr)(std::move(why));
}

v1::FileRef ScriptedServer::AddBlob(const std::string& path, const std::string& bytes) {
  v1::FileRef file;
  file.set_path(path);
  file.set_size_bytes(static_cast<int64_t>(bytes.size()));
  file.set_sha256(Sha256::Hex(bytes));
  blobs[file.sha256()] = bytes;
  return file;
}

v1::Lease ScriptedServer::MakeLease(const std::string& job, int64_t fence) {
  v1::Lease lease;
  lease.set_job(job);
  lease.set_attempt(1);
  lease.set_fence(fence);
  lease.set_threads(2);
  lease.mutable_spec()->mutable_fine_tune()->set_base_model("models/base");
  lease.mutable_spec()->mutable_fine_tune()->mutable_text_classification();
  lease.mutable_spec()->mutable_fine_tune()->mutable_full();
  *lease.add_base_model_files() = AddBlob("config.json", "{}");
  *lease.add_base_model_files() = AddBlob("model.safetensors", "weights");
  v1::Dataset& train = *lease.mutable_train();
  *train.mutable_file() = AddBlob("train.csv", "text,label\ngood,pos\nbad,neg\n");
  train.set_format(v1::Dataset::CSV);
  lease.add_labels("neg");
  lease.add_labels("pos");
  return lease;
}

void ScriptedServer::ReportAttempt(v1::ReportAttemptRequest request, OnReported done) {
  network_.Post([this, request = std::move(request), done = std::move(done)]() mutable {
    if (!reachable) return done(absl::UnavailableError("connection refused"));
    report_calls.push_back(request);
    if (!next_report_answers.empty()) {
      const absl::Status answer = next_report_answers.front();
      next_report_answers.pop_front();
      if (!answer.ok()) return done(answer);
    }
    done(Apply(request));
    if (on_report) on_report();
  });
}

absl::StatusOr<v1::ReportAttemptResponse> ScriptedServer::Apply(
    const v1::ReportAttemptRequest& request) {
  std::vector<v1::AttemptReport>& applied = reports[request.fence()];
  const auto next = static_cast<int64_t>(applied.size());
  if (request.first_index() > next) {
    return MakeError(absl::StatusCode::kOutOfRange, "REPORT_HOLE", "reports are missing",
                     {{"next_index", absl::StrCat(next)}});
  }
  for (int64_t i = next - request.first_index(); i < request.reports_size(); ++i) {
    applied.push_back(request.reports(static_cast<int>(i)));
  }
  v1::ReportAttemptResponse response;
  response.set_next_index(static_cast<int64_t>(applied.size()));
  return response;
}

void ScriptedServer::FindMissing(std::vector<v1::FileRef> files, OnMissing done) {
  network_.Post([this, files = std::move(files), done = std::move(done)]() mutable {
    if (!reachable) return done(absl::UnavailableError("connection refused"));
    std::vector<std::string> missing;
    for (const v1::FileRef& file : files) {
      if (!blobs.contains(file.sha256())) missing.push_back(file.sha256());
    }
    done(std::move(missing));
  });
}

void ScriptedServer::FetchBlob(v1::FileRef file, std::string destination, OnStatus done) {
  network_.Post([this, file = std::move(file), destination = std::move(destination),
                 done = std::move(done)]() mutable {
    if (!reachable) return done(absl::UnavailableError("connection refused"));
    const auto found = blobs.find(file.sha256());
    if (found == blobs.end()) return done(absl::NotFoundError("no such blob"));
    fetches.push_back(file.sha256());
    done(PosixFileSystem().WriteFileAtomically(destination, found->second));
  });
}

void ScriptedServer::UploadBlob(std::string path, v1::FileRef file, OnStatus done) {
  network_.Post(
      [this, path = std::move(path), file = std::move(file), done = std::move(done)]() mutable {
        if (!reachable) return done(absl::UnavailableError("connection refused"));
        const absl::StatusOr<std::string> bytes = PosixFileSystem().ReadFile(path);
        if (!bytes.ok()) return done(bytes.status());
        if (Sha256::Hex(*bytes) != file.sha256()) return done(absl::DataLossError("another hash"));
        uploads.push_back(file.sha256());
        blobs[file.sha256()] = *bytes;
        done(absl::OkStatus());
      });
}

std::string ScriptedServer::Story(int64_t fence) const {
  const auto found = reports.find(fence);
  if (found == reports.end()) return "";
  return absl::StrJoin(found->second, " ", [](std::string* out, const v1::AttemptReport& report) {
    const auto* field = v1::AttemptReport::descriptor()->FindFieldByNumber(report.report_case());
    absl::StrAppend(out, field != nullptr ? field->name() : "?");
  });
}

}  // namespace attune
