// SPDX-License-Identifier: Apache-2.0
#include "server/rpc/job_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/resource_name.h"
#include "server/rpc/job_filter.h"
#include "server/rpc/job_preview.h"
#include "server/rpc/job_view.h"
#include "server/store/attempts_table.h"
#include "server/store/events_table.h"
#include "server/store/jobs_table.h"

namespace attune {
namespace {

constexpr int kMaxBatch = 1000;
constexpr int kDefaultLogBytes = 64 << 10;
constexpr int kMaxLogBytes = 1 << 20;

// The rows of a page that was asked for with one row too many, to see whether there is another
// page.
template <typename T>
bool DropExtra(std::vector<T>& rows, int page_size) {
  if (static_cast<int>(rows.size()) <= page_size) return false;
  rows.resize(page_size);
  return true;
}

absl::Status WithIndex(const absl::Status& status, int index) {
  absl::Status result(status.code(), absl::StrCat("requests[", index, "]: ", status.message()));
  ErrorDetail detail = GetErrorDetail(status);
  for (FieldViolation& violation : detail.violations) {
    violation.field = absl::StrCat("requests[", index, "].", violation.field);
  }
  SetErrorDetail(result, detail);
  return result;
}

}  // namespace

JobServiceImpl::Reactor* JobServiceImpl::CreateJob(Context* context,
                                                   const v1::CreateJobRequest* request,
                                                   v1::Job* response) {
  if (request->validate_only()) return PreviewJob(context, *request, *response);
  return WriteThenReply(parts_, context, Access::kClient,
                        [this, request, response](Transaction& transaction) -> absl::Status {
                          ATTUNE_ASSIGN_OR_RETURN(v1::Job job,
                                                  lifecycle_.Create(transaction, *request));
                          *response = PresentJob(std::move(job), queue_);
                          return absl::OkStatus();
                        });
}

JobServiceImpl::Reactor* JobServiceImpl::PreviewJob(Context* context,
                                                    const v1::CreateJobRequest& request,
                                                    v1::Job& response) {
  absl::StatusOr<JobLifecycle::Preview> preview;
  absl::Status status = parts_.authenticator.Authorise(*context, Access::kClient);
  if (status.ok()) {
    status = RunGuarded(parts_.counters, [&] {
      return parts_.store.Read([&](Snapshot& snapshot) {
        preview = lifecycle_.Validate(snapshot, request);
        return preview.status();
      });
    });
  }
  return StartJobPreview(inspection_, status.ok() ? std::move(preview) : status, response);
}

JobServiceImpl::Reactor* JobServiceImpl::BatchCreateJobs(Context* context,
                                                         const v1::BatchCreateJobsRequest* request,
                                                         v1::BatchCreateJobsResponse* response) {
  return WriteThenReply(
      parts_, context, Access::kClient,
      [this, request, response](Transaction& transaction) -> absl::Status {
        response->Clear();
        if (request->requests_size() == 0 || request->requests_size() > kMaxBatch) {
          return InvalidFields({{"requests", absl::StrCat("must hold 1 to ", kMaxBatch, ", got ",
                                                          request->requests_size())}});
        }
        for (int i = 0; i < request->requests_size(); ++i) {
          absl::StatusOr<v1::Job> job = lifecycle_.Create(transaction, request->requests(i));
          if (!job.ok()) return WithIndex(job.status(), i);
          *response->add_jobs() = PresentJob(*std::move(job), queue_);
        }
        return absl::OkStatus();
      });
}

JobServiceImpl::Reactor* JobServiceImpl::GetJob(Context* context, const v1::GetJobRequest* request,
                                                v1::Job* response) {
  return ReadNow(parts_, context, Access::kClient, [&](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", request->name()));
    ATTUNE_ASSIGN_OR_RETURN(JobRecord record, attune::GetJob(snapshot, id));
    *response = PresentJob(std::move(record.job), queue_);
    return absl::OkStatus();
  });
}

JobServiceImpl::Reactor* JobServiceImpl::ListJobs(Context* context,
                                                  const v1::ListJobsRequest* request,
                                                  v1::ListJobsResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient,
      [this, request, response](Snapshot& snapshot) -> absl::Status {
        JobListQuery query;
        ATTUNE_ASSIGN_OR_RETURN(const int page_size, PageSize(request->page_size()));
        ATTUNE_RETURN_IF_ERROR(ParseJobFilter(request->filter(), query));
        query.newest_first = request->order_by() != "create_time";
        if (query.newest_first && !request->order_by().empty() &&
            request->order_by() != "create_time desc") {
          return InvalidFields({{"order_by", "must be \"create_time\" or \"create_time desc\""}});
        }
        const std::string signature =
            absl::StrCat("jobs|", request->filter(), "|", query.newest_first);
        ATTUNE_ASSIGN_OR_RETURN(query.after_number, tokens_.Read(signature, request->page_token()));
        query.limit = page_size + 1;
        ATTUNE_ASSIGN_OR_RETURN(std::vector<JobRecord> rows, attune::ListJobs(snapshot, query));
        if (DropExtra(rows, page_size)) {
          response->set_next_page_token(tokens_.Make(signature, rows.back().number));
        }
        for (JobRecord& row : rows) *response->add_jobs() = PresentJob(std::move(row.job), queue_);
        return absl::OkStatus();
      });
}

JobServiceImpl::Reactor* JobServiceImpl::MoveJob(Context* context, const std::string& name,
                                                 v1::Job* response, Move move) {
  return WriteThenReply(parts_, context, Access::kClient,
                        [this, &name, response, move](Transaction& transaction) -> absl::Status {
                          ATTUNE_ASSIGN_OR_RETURN(const std::string id,
                                                  ParseResourceName("jobs", name));
                          ATTUNE_ASSIGN_OR_RETURN(v1::Job job, move(transaction, id));
                          *response = PresentJob(std::move(job), queue_);
                          return absl::OkStatus();
                        });
}

JobServiceImpl::Reactor* JobServiceImpl::CancelJob(Context* context,
                                                   const v1::CancelJobRequest* request,
                                                   v1::Job* response) {
  return MoveJob(context, request->name(), response,
                 [this](Transaction& t, std::string_view id) { return lifecycle_.Cancel(t, id); });
}

JobServiceImpl::Reactor* JobServiceImpl::PauseJob(Context* context,
                                                  const v1::PauseJobRequest* request,
                                                  v1::Job* response) {
  return MoveJob(context, request->name(), response,
                 [this](Transaction& t, std::string_view id) { return lifecycle_.Pause(t, id); });
}

JobServiceImpl::Reactor* JobServiceImpl::ResumeJob(Context* context,
                                                   const v1::ResumeJobRequest* request,
                                                   v1::Job* response) {
  return MoveJob(context, request->name(), response,
                 [this](Transaction& t, std::string_view id) { return lifecycle_.Resume(t, id); });
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobServiceImpl::WatchJob(
    Context* context, const v1::WatchJobRequest* request) {
  return watches_.Open(parts_.authenticator.Authorise(*context, Access::kClient), *request);
}

JobServiceImpl::Reactor* JobServiceImpl::ListJobEvents(Context* context,
                                                       const v1::ListJobEventsRequest* request,
                                                       v1::ListJobEventsResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient, [request, response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", request->name()));
        ATTUNE_ASSIGN_OR_RETURN(const int page_size, PageSize(request->page_size()));
        ATTUNE_RETURN_IF_ERROR(attune::GetJob(snapshot, id).status());
        ATTUNE_ASSIGN_OR_RETURN(std::vector<v1::JobEvent> events,
                                ListEvents(snapshot, id, request->after_sequence(), page_size + 1));
        if (DropExtra(events, page_size)) {
          response->set_next_after_sequence(events.back().sequence());
        }
        response->mutable_events()->Assign(events.begin(), events.end());
        return absl::OkStatus();
      });
}

JobServiceImpl::Reactor* JobServiceImpl::ListMetrics(Context* context,
                                                     const v1::ListMetricsRequest* request,
                                                     v1::ListMetricsResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient, [request, response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", request->name()));
        ATTUNE_ASSIGN_OR_RETURN(const int page_size, PageSize(request->page_size()));
        ATTUNE_RETURN_IF_ERROR(attune::GetJob(snapshot, id).status());
        ATTUNE_ASSIGN_OR_RETURN(
            std::vector<v1::StepMetrics> rows,
            attune::ListMetrics(snapshot, id, request->after_step(), page_size + 1));
        if (DropExtra(rows, page_size)) response->set_next_after_step(rows.back().step());
        response->mutable_metrics()->Assign(rows.begin(), rows.end());
        return absl::OkStatus();
      });
}

JobServiceImpl::Reactor* JobServiceImpl::ListAttempts(Context* context,
                                                      const v1::ListAttemptsRequest* request,
                                                      v1::ListAttemptsResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient, [request, response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", request->name()));
        ATTUNE_RETURN_IF_ERROR(attune::GetJob(snapshot, id).status());
        ATTUNE_ASSIGN_OR_RETURN(const std::vector<AttemptRecord> rows,
                                attune::ListAttempts(snapshot, id));
        for (const AttemptRecord& row : rows) *response->add_attempts() = PresentAttempt(row);
        return absl::OkStatus();
      });
}

JobServiceImpl::Reactor* JobServiceImpl::ListCheckpoints(Context* context,
                                                         const v1::ListCheckpointsRequest* request,
                                                         v1::ListCheckpointsResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient, [request, response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", request->name()));
        ATTUNE_RETURN_IF_ERROR(attune::GetJob(snapshot, id).status());
        ATTUNE_ASSIGN_OR_RETURN(const std::vector<CheckpointRecord> rows,
                                attune::ListCheckpoints(snapshot, id));
        for (const CheckpointRecord& row : rows) {
          if (!row.bad) *response->add_checkpoints() = row.checkpoint;
        }
        return absl::OkStatus();
      });
}

JobServiceImpl::Reactor* JobServiceImpl::ReadLog(Context* context,
                                                 const v1::ReadLogRequest* request,
                                                 v1::ReadLogResponse* response) {
  return ReadOnPool(
      parts_, context, Access::kClient,
      [this, request, response](Snapshot& snapshot) -> absl::Status {
        ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", request->name()));
        if (request->offset() < 0 || request->max_bytes() < 0) {
          return InvalidFields({{"offset", "offset and max_bytes must be ≥ 0"}});
        }
        ATTUNE_ASSIGN_OR_RETURN(const JobRecord record, attune::GetJob(snapshot, id));
        const int wanted = request->max_bytes() == 0 ? kDefaultLogBytes
                                                     : std::min(request->max_bytes(), kMaxLogBytes);
        ATTUNE_ASSIGN_OR_RETURN(TrainerLogs::Piece piece,
                                logs_.Read(record.job.uid(), request->offset(), wanted));
        response->set_data(std::move(piece.data));
        response->set_size_bytes(piece.size_bytes);
        return absl::OkStatus();
      });
}

}  // namespace attune
