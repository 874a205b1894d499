// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "base/logging.h"
#include "base/rng.h"
#include "base/rpc_counters.h"
#include "base/spawner.h"
#include "base/version.h"
#include "server/access_tokens.h"
#include "server/blobs/blob_store.h"
#include "server/http/metrics_source.h"
#include "server/http/ops_server.h"
#include "server/inspection/inspection.h"
#include "server/jobs/job_counters.h"
#include "server/jobs/job_lifecycle.h"
#include "server/jobs/leases.h"
#include "server/local_worker.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/authenticator.h"
#include "server/rpc/blob_service.h"
#include "server/rpc/event_stream.h"
#include "server/rpc/grpc_server.h"
#include "server/rpc/input_services.h"
#include "server/rpc/job_service.h"
#include "server/rpc/worker_service.h"
#include "server/scheduler/scheduler.h"
#include "server/session/report_ingest.h"
#include "server/session/session_registry.h"
#include "server/session/trainer_logs.h"
#include "server/store/store.h"

namespace attune {
namespace {

constexpr absl::Duration kWorkerStop = absl::Seconds(30);
constexpr absl::Duration kCallGrace = absl::Seconds(5);

// A failed commit or fsync: nothing may be acknowledged any more, and a restart recovers what was.
[[noreturn]] void DieOfStore(const absl::Status& status) {
  LogError("the store failed; the server ends", {{"cause", std::string(status.message())}});
  _exit(1);
}

// What the local worker inherits: enough to find its files and libraries, nothing secret.
std::vector<std::string> WorkerEnvironment() {
  std::vector<std::string> out;
  for (const char* name : {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME",
                           "ATTUNE_TRAINER", "ATTUNE_LOG_FORMAT", "CUDA_VISIBLE_DEVICES"}) {
    if (const char* value = std::getenv(name)) out.push_back(absl::StrCat(name, "=", value));
  }
  return out;
}

}  // namespace

// Members in build order: destruction is the reverse. Executors come before what runs on them and
// are shut down by ~Server before anything is destroyed.
struct Server::Parts {
  explicit Parts(ServerOptions o) : options(std::move(o)) {}

  std::string Path(std::string_view name) const { return JoinPath(options.data_dir, name); }

  absl::Status Open();
  absl::Status Serve(std::function<void(bool)> request_stop);
  void StartWorker();
  void ShutExecutors();

  const ServerOptions options;
  SystemClock clock;
  SystemRng rng;
  FileSystem& files = PosixFileSystem();
  std::unique_ptr<FileLock> lock;
  AccessTokens tokens;

  ThreadExecutor writer{"store", 1, clock};
  ThreadExecutor disk{"disk", 2, clock};
  ThreadExecutor pool{"pool", 3, clock};
  ThreadExecutor session_lane{"session", 1, clock};
  ThreadExecutor scheduler_lane{"scheduler", 1, clock};
  ThreadExecutor inspection_lane{"inspection", 1, clock};
  ThreadExecutor worker_lane{"local-worker", 1, clock};
  // After the executors, which its callbacks post to: a child may end while all this goes.
  std::unique_ptr<Spawner> spawner = MakePosixSpawner();

  JobCounters job_counters;
  RpcCounters rpc_counters;
  std::unique_ptr<Store> store;
  std::optional<BlobStore> blobs;
  std::optional<JobLifecycle> lifecycle;
  std::optional<Leases> leases;
  std::optional<TrainerLogs> logs;
  std::optional<Scheduler> scheduler;
  std::optional<SessionRegistry> sessions;
  std::optional<ReportIngest> ingest;
  std::unique_ptr<Inspector> inspector;
  std::optional<Inspection> inspection;
  std::optional<LocalWorker> worker;

  std::optional<Authenticator> authenticator;
  std::optional<PageTokens> page_tokens;
  std::optional<RpcParts> rpc;
  std::optional<WatchStreams> watches;
  std::optional<JobServiceImpl> job_service;
  std::optional<WorkerServiceImpl> worker_service;
  std::optional<BlobServiceImpl> blob_service;
  std::optional<DatasetServiceImpl> dataset_service;
  std::optional<ModelServiceImpl> model_service;
  std::optional<AdminServiceImpl> admin_service;
  std::optional<MetricsSource> metrics;
  std::atomic<bool> ready = false;
  std::unique_ptr<OpsServer> ops;
  std::unique_ptr<GrpcServer> grpc;
};

// Data folder, store, and the parts without network.
absl::Status Server::Parts::Open() {
  ATTUNE_RETURN_IF_ERROR(files.MakeDirs(options.data_dir, 0700));
  absl::StatusOr<std::unique_ptr<FileLock>> held = FileLock::Acquire(Path("lock"));
  if (!held.ok()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "DATA_DIR_IN_USE",
        absl::StrCat("the data folder ", options.data_dir,
                     " is in use by another attuned; stop that one (attune admin stop) "
                     "or give this one a folder of its own with --data-dir"));
  }
  lock = *std::move(held);
  ATTUNE_ASSIGN_OR_RETURN(tokens, LoadOrMakeTokens(files, options.data_dir, rng));
  Store::Options store_options;
  store_options.path = Path("attune.db");
  ATTUNE_ASSIGN_OR_RETURN(store, Store::Open(store_options, writer, rng, DieOfStore));

  blobs.emplace(BlobStore::Options{Path("blobs")}, *store, files, disk);
  ATTUNE_RETURN_IF_ERROR(blobs->Init());
  lifecycle.emplace(clock, rng, job_counters);
  leases.emplace(*lifecycle, clock, rng);
  logs.emplace(files, Path("logs/jobs"));
  scheduler.emplace(*store, *leases, job_counters, scheduler_lane);
  SessionOptions session_options;
  session_options.lease_ttl = absl::Seconds(options.lease_ttl_seconds);
  session_options.heartbeat_interval = absl::Seconds(options.heartbeat_seconds);
  sessions.emplace(*store, *leases, job_counters, session_lane, session_options);
  ingest.emplace(*store, *lifecycle, *leases, *logs, job_counters, clock);
  inspector =
      MakeProcessInspector(options.inspect_binary, *spawner, inspection_lane, Path("inspection"));
  inspection.emplace(*store, *blobs, files, *inspector, inspection_lane, Path("inspection"),
                     [this](Transaction& t, std::string_view key, const CheckRecord& check) {
                       return lifecycle->ApplyCheck(t, key, check);
                     });
  ATTUNE_RETURN_IF_ERROR(sessions->Start());
  inspection->Start();
  return scheduler->Start();
}

// The network, once everything behind it works.
absl::Status Server::Parts::Serve(std::function<void(bool)> request_stop) {
  authenticator.emplace(tokens.admin, tokens.worker);
  page_tokens.emplace(absl::StrCat("page:", tokens.admin));
  rpc.emplace(RpcParts{*store, *authenticator, rpc_counters, pool});
  watches.emplace(*store, pool, rpc_counters, WatchStreams::Options());
  job_service.emplace(*rpc, *lifecycle, *inspection, *scheduler, *logs, *page_tokens, *watches);
  worker_service.emplace(*rpc, *sessions, *ingest);
  blob_service.emplace(*rpc, *blobs, disk);
  dataset_service.emplace(*rpc, *page_tokens, clock);
  model_service.emplace(*rpc, *page_tokens, clock, *sessions);
  metrics.emplace(MetricsParts{*store, job_counters, rpc_counters, *scheduler,
                               [this] { return sessions->LastHeartbeats(); }, files,
                               options.data_dir, kVersion});
  ATTUNE_ASSIGN_OR_RETURN(
      ops, OpsServer::Start(
               {options.ops_listen, options.ops_port}, [this] { return metrics->Text(); },
               [this] { return ready.load(); }));
  v1::ServerInfo info;
  info.set_version(kVersion);
  info.set_incarnation(store->incarnation());
  info.set_ops_url(absl::StrCat("http://", options.ops_listen, ":", ops->port()));
  info.set_process_id(getpid());
  info.set_grpc_address(absl::StrCat(options.listen, ":", options.port));
  admin_service.emplace(*rpc, info, std::move(request_stop));
  ATTUNE_ASSIGN_OR_RETURN(
      grpc, GrpcServer::Start({options.listen, options.port, options.reflection},
                              {&*job_service, &*worker_service, &*blob_service, &*dataset_service,
                               &*model_service, &*admin_service},
                              rpc_counters, clock));
  admin_service->SetGrpcAddress(absl::StrCat(options.listen, ":", grpc->port()));
  ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(
      Path("server.address"), absl::StrCat(options.listen, ":", grpc->port(), "\n"), 0600));
  grpc->SetServing(true);
  ready = true;
  return absl::OkStatus();
}

void Server::Parts::StartWorker() {
  if (options.worker != "local") return;
  worker.emplace(
      LocalWorker::Options{options.worker_binary, Path("workers/local"), Path("worker.token"),
                           Path("server.address"), options.worker_slots, WorkerEnvironment()},
      files, *spawner, worker_lane, rng);
  worker->Start();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, std::function<void(bool keep_workers)> request_stop) {
  auto server = std::unique_ptr<Server>(new Server(std::make_unique<Parts>(options)));
  ATTUNE_RETURN_IF_ERROR(server->parts_->Open());
  ATTUNE_RETURN_IF_ERROR(server->parts_->Serve(std::move(request_stop)));
  if (options.worker == "local") {
    ATTUNE_RETURN_IF_ERROR(server->parts_->files.MakeDirs(server->parts_->Path("workers/local")));
  }
  server->parts_->StartWorker();
  return server;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

void Server::Drain(bool keep_workers) {
  Parts& p = *parts_;
  p.ready = false;
  p.grpc->SetServing(false);
  p.scheduler->StopGranting();
  if (p.worker && !keep_workers && !p.options.keep_workers) {
    // Shared: the callback may come after the wait was given up.
    auto stopped = std::make_shared<absl::Notification>();
    p.worker->Stop([stopped] { stopped->Notify(); });
    if (!stopped->WaitForNotificationWithTimeout(kWorkerStop)) {
      LogWarning("the local worker did not stop in time; it is left to adopt at the next start");
    }
  }
  p.watches->CloseAll();
  p.sessions->CloseAll();
  p.grpc->Shutdown(kCallGrace);
  p.ops.reset();
}

void Server::Parts::ShutExecutors() {
  // Top-down; the writer last, so that what the others still wrote is committed.
  for (ThreadExecutor* executor :
       {&worker_lane, &inspection_lane, &scheduler_lane, &session_lane, &pool, &disk, &writer}) {
    executor->Shutdown();
  }
}

Server::~Server() {
  if (parts_->grpc) parts_->grpc->Shutdown(absl::ZeroDuration());
  parts_->ops.reset();
  parts_->ShutExecutors();
}

int Server::grpc_port() const { return parts_->grpc->port(); }
int Server::ops_port() const { return parts_->ops->port(); }

}  // namespace attune
