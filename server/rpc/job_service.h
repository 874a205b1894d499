// SPDX-License-Identifier: Apache-2.0
// attune.v1.JobService: decode, authorise, call down, encode. No rule of a job is here.
// Thread-safe, as the callback API demands.
#pragma once

#include <functional>

#include "attune/v1/job_service.grpc.pb.h"
#include "server/inspection/inspection.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/queue_view.h"
#include "server/rpc/event_stream.h"
#include "server/rpc/page_token.h"
#include "server/rpc/unary.h"
#include "server/session/trainer_logs.h"

namespace attune {

class JobServiceImpl final : public v1::JobService::CallbackService {
 public:
  JobServiceImpl(const RpcParts& parts, JobLifecycle& lifecycle, Inspection& inspection,
                 const QueueView& queue, const TrainerLogs& logs, const PageTokens& tokens,
                 WatchStreams& watches)
      : parts_(parts),
        lifecycle_(lifecycle),
        inspection_(inspection),
        queue_(queue),
        logs_(logs),
        tokens_(tokens),
        watches_(watches) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateJob(Context*, const v1::CreateJobRequest*, v1::Job*) override;
  Reactor* BatchCreateJobs(Context*, const v1::BatchCreateJobsRequest*,
                           v1::BatchCreateJobsResponse*) override;
  Reactor* GetJob(Context*, const v1::GetJobRequest*, v1::Job*) override;
  Reactor* ListJobs(Context*, const v1::ListJobsRequest*, v1::ListJobsResponse*) override;
  Reactor* CancelJob(Context*, const v1::CancelJobRequest*, v1::Job*) override;
  Reactor* PauseJob(Context*, const v1::PauseJobRequest*, v1::Job*) override;
  Reactor* ResumeJob(Context*, const v1::ResumeJobRequest*, v1::Job*) override;
  grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchJob(Context*,
                                                           const v1::WatchJobRequest*) override;
  Reactor* ListJobEvents(Context*, const v1::ListJobEventsRequest*,
                         v1::ListJobEventsResponse*) override;
  Reactor* ListMetrics(Context*, const v1::ListMetricsRequest*, v1::ListMetricsResponse*) override;
  Reactor* ListAttempts(Context*, const v1::ListAttemptsRequest*,
                        v1::ListAttemptsResponse*) override;
  Reactor* ListCheckpoints(Context*, const v1::ListCheckpointsRequest*,
                           v1::ListCheckpointsResponse*) override;
  Reactor* ReadLog(Context*, const v1::ReadLogRequest*, v1::ReadLogResponse*) override;

 private:
  Reactor* PreviewJob(Context* context, const v1::CreateJobRequest& request, v1::Job& response);
  // Cancel, Pause, Resume: one transition by name.
  using Move = std::function<absl::StatusOr<v1::Job>(Transaction&, std::string_view)>;
  Reactor* MoveJob(Context* context, const std::string& name, v1::Job* response, Move move);

  const RpcParts& parts_;
  JobLifecycle& lifecycle_;
  Inspection& inspection_;
  const QueueView& queue_;
  const TrainerLogs& logs_;
  const PageTokens& tokens_;
  WatchStreams& watches_;
};

}  // namespace attune
