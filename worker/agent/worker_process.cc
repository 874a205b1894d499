// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/worker_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/logging.h"
#include "base/loopback.h"
#include "base/rng.h"
#include "base/spawner.h"
#include "base/version.h"
#include "google/protobuf/util/json_util.h"
#include "worker/agent/agent.h"
#include "worker/agent/device_inventory.h"
#include "worker/agent/grpc_transport.h"
#include "worker/agent/memory_reading.h"
#include "worker/agent/trainer_process.h"

namespace attune {
namespace {

constexpr int kFailure = 1, kFolderInUse = 75, kBadConfiguration = 78;
constexpr int64_t kCacheBytes = int64_t{50} << 30;
constexpr int kIoThreads = 3;  // one hashes, one fetches, one uploads

int Refuse(int code, const absl::Status& status) {
  LogError("cannot start", {{"status", std::string(status.message())}});
  return code;
}

struct Offer {
  Machine machine;
  std::vector<TrainerOptions> slots;
  v1::WorkerInventory inventory;
};

absl::StatusOr<Offer> DetectOffer(const WorkerOptions& options, Spawner& spawner) {
  Offer offer;
  ATTUNE_ASSIGN_OR_RETURN(offer.machine, DetectMachine());
  ATTUNE_ASSIGN_OR_RETURN(offer.slots,
                          SplitIntoSlots(offer.machine, options.slots, options.threads));
  ATTUNE_ASSIGN_OR_RETURN(const TrainerInventory trainer, AskTrainer(spawner, options.trainer));
  offer.inventory = MakeInventory(offer.machine, trainer, offer.slots);
  offer.inventory.set_attune_version(kVersion);
  offer.inventory.set_local(options.local);
  offer.inventory.mutable_labels()->insert(options.labels.begin(), options.labels.end());
  return offer;
}

GrpcTransportOptions TransportOptions(const WorkerOptions& options) {
  return {.address = [options]() -> absl::StatusOr<std::string> {
            if (options.server_file.empty()) return options.server;
            return ReadAddressFile(options.server_file);
          },
          .token = [path = options.token_file] { return ReadTokenFile(path); }};
}

AgentOptions MakeAgentOptions(const WorkerOptions& options, Offer offer, Rng& rng) {
  AgentOptions agent;
  agent.worker_id = options.id;
  agent.boot_id = offer.machine.boot_id;
  agent.instance = rng.Uuid();
  agent.work_dir = options.work_dir;
  agent.slots = std::move(offer.slots);
  agent.runner.device = offer.inventory.device_type();
  agent.runner.feature_dir = AttemptFolder::Features(options.work_dir);
  agent.predictor.available_memory = AvailableMemory;
  agent.inventory = std::move(offer.inventory);
  if (options.local) agent.detach_limit = absl::InfiniteDuration();
  // Tests run everything faster by one factor; TTL and heartbeat come from the server.
  agent.detach_limit *= options.timer_scale;
  agent.session.redial.initial *= options.timer_scale;
  agent.session.redial.maximum *= options.timer_scale;
  agent.session.refused_pause *= options.timer_scale;
  return agent;
}

// Everything that lives as long as the process. Order matters: what is below borrows what is above,
// and ends first.
class Worker {
 public:
  explicit Worker(const WorkerOptions& options)
      : launcher_(*spawner_, clock_, options.trainer),
        cache_(PosixFileSystem(), JoinPath(options.work_dir, "cache"), kCacheBytes),
        transport_(io_, PosixFileSystem(), TransportOptions(options)) {}
  ~Worker() {
    executor_.Shutdown();  // from here on callbacks are dropped
    agent_.reset();        // kills the trainers that are left
    transport_.ShutDown();
    io_.Shutdown();
  }

  absl::Status Start(const WorkerOptions& options) {
    ATTUNE_ASSIGN_OR_RETURN(Offer offer, DetectOffer(options, *spawner_));
    ATTUNE_RETURN_IF_ERROR(cache_.Init());
    const RunnerParts parts{executor_, io_, PosixFileSystem(), rng_, transport_, launcher_, cache_};
    agent_ = std::make_unique<Agent>(parts, MakeAgentOptions(options, std::move(offer), rng_));
    return absl::OkStatus();
  }
  void Post(absl::AnyInvocable<void(Agent&)> task) {
    executor_.Post([this, task = std::move(task)]() mutable { task(*agent_); });
  }

 private:
  SystemClock clock_;
  SystemRng rng_;
  ThreadExecutor executor_{"agent", 1, clock_};
  ThreadExecutor io_{"io", kIoThreads, clock_};
  // Its callbacks post to the executors: a trainer may end while all this goes.
  std::unique_ptr<Spawner> spawner_ = MakePosixSpawner();
  TrainerProcessLauncher launcher_;
  BlobCache cache_;
  GrpcTransport transport_;
  std::unique_ptr<Agent> agent_;
};

// What the main thread waits for: signals, and one word from the agent.
class MainLoop {
 public:
  // Before any thread starts: they inherit the mask.
  MainLoop() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signals_ = signalfd(-1, &signals, SFD_CLOEXEC);
    over_ = eventfd(0, EFD_CLOEXEC);
  }
  ~MainLoop() {
    close(signals_);
    close(over_);
  }
  MainLoop(const MainLoop&) = delete;
  MainLoop& operator=(const MainLoop&) = delete;

  // From any thread.
  void End() { (void)!write(over_, "\1\0\0\0\0\0\0\0", 8); }

  // True: a signal; false: End.
  bool WaitForSignal() {
    pollfd waits[] = {{.fd = signals_, .events = POLLIN, .revents = 0},
                      {.fd = over_, .events = POLLIN, .revents = 0}};
    while (poll(waits, 2, -1) < 0) {
    }
    if (waits[1].revents != 0) return false;
    signalfd_siginfo info;
    (void)!read(signals_, &info, sizeof(info));
    return true;
  }

 private:
  int signals_ = -1, over_ = -1;
};

}  // namespace

int RunWorker(const WorkerOptions& options) {
  MainLoop loop;
  if (options.server_file.empty() && !IsLoopbackAddress(options.server)) {
    return Refuse(kBadConfiguration,
                  absl::InvalidArgumentError(absl::StrCat(
                      "--server ", options.server, ": calls are not encrypted, so only this ",
                      "machine's loopback (127.0.0.1:PORT) is dialled; use a tunnel to it")));
  }
  absl::Status status = PosixFileSystem().MakeDirs(options.work_dir);
  if (!status.ok()) return Refuse(kFailure, status);
  auto lock = FileLock::Acquire(JoinPath(options.work_dir, "lock"));
  if (!lock.ok()) {
    return Refuse(
        lock.status().code() == absl::StatusCode::kFailedPrecondition ? kFolderInUse : kFailure,
        lock.status());
  }
  if (auto token = ReadTokenFile(options.token_file); !token.ok()) {
    return Refuse(kBadConfiguration, token.status());
  }
  Worker worker(options);
  if (status = worker.Start(options); !status.ok()) return Refuse(kBadConfiguration, status);

  bool started = true;  // written before End, read after it
  worker.Post([&](Agent& agent) {
    const absl::Status begun = agent.Start();
    started = begun.ok();
    if (!started) Refuse(kFailure, begun), loop.End();
  });
  if (!loop.WaitForSignal()) return started ? 0 : kFailure;
  LogInfo("draining: trainers write a checkpoint and stop; a second signal ends at once");
  worker.Post([&](Agent& agent) { agent.Drain([&loop] { loop.End(); }); });
  loop.WaitForSignal();
  return 0;
}

int PrintInventory(const WorkerOptions& options) {
  const std::unique_ptr<Spawner> spawner = MakePosixSpawner();
  const absl::StatusOr<Offer> offer = DetectOffer(options, *spawner);
  if (!offer.ok()) return Refuse(kFailure, offer.status());
  google::protobuf::util::JsonPrintOptions format;
  format.add_whitespace = true;
  format.preserve_proto_field_names = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(offer->inventory, &json, format);
  std::fputs(json.c_str(), stdout);
  return 0;
}

}  // namespace attune
