// SPDX-License-Identifier: Apache-2.0
#include "server/local_worker.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/backoff.h"
#include "base/logging.h"

namespace attune {
namespace {

constexpr absl::Duration kAdoptedCheck = absl::Seconds(2);
constexpr absl::Duration kStopCheck = absl::Milliseconds(100);
const BackoffOptions kRestart = {absl::Milliseconds(500), absl::Seconds(30)};

}  // namespace

struct LocalWorker::Impl : std::enable_shared_from_this<Impl> {
  Impl(Options o, FileSystem& f, Spawner& s, Executor& e, Rng& rng)
      : options(std::move(o)), files(f), spawner(s), executor(e), backoff(kRestart, rng) {}

  std::string LockPath() const { return JoinPath(options.work_dir, "lock"); }

  bool Runs() const { return FileLock::Holder(LockPath()) != 0; }

  void Post(void (Impl::*step)(), absl::Duration delay = absl::ZeroDuration()) {
    executor.PostAfter(delay, [self = shared_from_this(), step] { ((*self).*step)(); });
  }

  // Starts a worker, unless one holds the lock; that one is looked at again, since nobody tells us
  // when it ends.
  void Ensure() {
    if (stopping || child) return;
    if (Runs()) {
      if (!adopted) LogInfo("adopted the local worker that was running");
      adopted = true;
      return Post(&Impl::Ensure, kAdoptedCheck);
    }
    adopted = false;
    SpawnOptions spawn;
    spawn.argv = {options.binary,  "--local",
                  "--server-file", options.server_file,
                  "--token-file",  options.token_file,
                  "--work-dir",    options.work_dir,
                  "--slots",       absl::StrCat(options.slots)};
    spawn.environment = options.environment;
    spawn.new_session = true;
    auto started = spawner.Spawn(spawn, [self = shared_from_this()](ExitStatus status) {
      self->executor.Post([self, status] { self->Exited(status); });
    });
    if (!started.ok()) {
      LogError("the local worker did not start",
               {{"cause", std::string(started.status().message())}});
      return Post(&Impl::Ensure, backoff.Next());
    }
    child = *std::move(started);
    LogInfo("local worker started", {{"pid", Str(child->pid())}});
  }

  void Exited(ExitStatus status) {
    child.reset();
    LogInfo("the local worker ended", {{"code", Str(status.code)}, {"signal", Str(status.signal)}});
    if (!stopping) Post(&Impl::Ensure, backoff.Next());
  }

  void BeginStop() {
    stopping = true;
    if (child) {
      (void)child->Kill(SIGTERM);
    } else {
      KillAdopted();
    }
    AwaitStop();
  }

  void AwaitStop() {
    if (!child && !Runs()) {
      for (auto& callback : on_stopped) callback();
      on_stopped.clear();
      return;
    }
    Post(&Impl::AwaitStop, kStopCheck);
  }

  // The holder is asked again once the pidfd is open, so that a reused pid is never hit.
  void KillAdopted() {
    const pid_t pid = FileLock::Holder(LockPath());
    if (pid <= 1) return;
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (pidfd < 0) return;
    if (FileLock::Holder(LockPath()) == pid) {
      syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, nullptr, 0);
    }
    close(pidfd);
  }

  const Options options;
  FileSystem& files;
  Spawner& spawner;
  Executor& executor;
  Backoff backoff;
  std::unique_ptr<ChildProcess> child;
  bool adopted = false;
  bool stopping = false;
  std::vector<std::function<void()>> on_stopped;
};

LocalWorker::LocalWorker(Options options, FileSystem& files, Spawner& spawner, Executor& executor,
                         Rng& rng)
    : impl_(std::make_shared<Impl>(std::move(options), files, spawner, executor, rng)) {}

LocalWorker::~LocalWorker() = default;

void LocalWorker::Start() { impl_->Post(&Impl::Ensure); }

void LocalWorker::Stop(std::function<void()> stopped) {
  impl_->executor.Post([impl = impl_, stopped = std::move(stopped)] {
    impl->on_stopped.push_back(stopped);
    if (!impl->stopping) impl->BeginStop();
  });
}

}  // namespace attune
