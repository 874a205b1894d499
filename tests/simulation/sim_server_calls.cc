// SPDX-License-Identifier: Apache-2.0
// What server/rpc offers, without gRPC.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "server/store/events_table.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/sim_server_process.h"

namespace attune {
namespace {

std::string IdOf(const std::string& job) { return job.substr(5); }  // after "jobs/"

}  // namespace

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
  auto download = p->blobs->StartDownload(file.sha256(), 0);
  if (!download.ok()) return respond(download.status());
  std::string bytes, chunk;
  do {
    if (const auto status = (*download)->Read(1 << 20, chunk); !status.ok()) {
      return respond(status);
    }
    bytes += chunk;
  } while (!chunk.empty());
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

}  // namespace attune
