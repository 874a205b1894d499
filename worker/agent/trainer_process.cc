// SPDX-License-Identifier: Apache-2.0
#include "worker/agent/trainer_process.h"

extern "C" {  // glibc 2.36's header forgets it
#include <sys/pidfd.h>
}
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/framed_pipe.h"
#include "worker/agent/memory_reading.h"

namespace attune {
namespace {

constexpr int kTrainerFd = 3;
constexpr int kDeathTimeoutMs = 5000;

// A trainer's two streams and its exit, which end in any order; on_exit is called after the last.
class TrainerStreams {
 public:
  TrainerStreams(int frames_fd, int log_fd, TrainerCallbacks callbacks)
      : frames_(frames_fd), log_fd_(log_fd), callbacks_(std::move(callbacks)) {}
  ~TrainerStreams() { close(log_fd_); }

  absl::Status Write(const TrainerCommand& command) { return frames_.Write(ToJson(command)); }

  void ReadFrames() {
    while (true) {
      absl::StatusOr<std::string> frame = frames_.Read();
      if (!frame.ok()) {
        // A trainer that is killed may be cut within a frame: its exit says what there is to say.
        break;
      }
      absl::StatusOr<AttemptEvent> event = ParseTrainerEvent(*frame);
      const bool broken = !event.ok();
      callbacks_.on_event(std::move(event));
      if (broken) break;
    }
    OneEnded();
  }

  void ReadLog() {
    std::array<char, 8192> buffer;
    while (true) {
      const ssize_t got = read(log_fd_, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      callbacks_.on_log(std::string(buffer.data(), static_cast<size_t>(got)));
    }
    OneEnded();
  }

  void OnExit(ExitStatus exit) {
    {
      absl::MutexLock lock(&mutex_);
      exit_ = exit;
    }
    ShutDown();  // ends the readers once they have read what is there, whoever else holds the ends
    OneEnded();
  }

  void ShutDown() {
    frames_.ShutDown();
    shutdown(log_fd_, SHUT_RDWR);
  }

 private:
  void OneEnded() {
    ExitStatus exit;
    {
      absl::MutexLock lock(&mutex_);
      if (--open_ > 0) return;
      exit = exit_;
    }
    callbacks_.on_exit(exit);
  }

  FramedPipe frames_;
  const int log_fd_;
  TrainerCallbacks callbacks_;

  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 3;
  ExitStatus exit_ ABSL_GUARDED_BY(mutex_);
};

class TrainerProcess final : public TrainerHandle {
 public:
  // The streams are shared with the spawner's exit callback, which may outlive this handle.
  TrainerProcess(std::unique_ptr<ChildProcess> child, std::shared_ptr<TrainerStreams> streams,
                 const Clock& clock)
      : child_(std::move(child)),
        streams_(std::move(streams)),
        identity_(ProcessIdentity(child_->pid()).value_or("")),
        readers_("trainer", 2, clock) {
    readers_.Post([streams = streams_] { streams->ReadFrames(); });
    readers_.Post([streams = streams_] { streams->ReadLog(); });
  }
  ~TrainerProcess() override {
    (void)child_->Kill(SIGKILL);  // NOT_FOUND when it has ended, as it usually has
    streams_->ShutDown();
  }

  // A trainer that has exited is told nothing; its exit is on the way.
  void Send(const TrainerCommand& command) override { (void)streams_->Write(command); }
  void Kill(int signal) override { (void)child_->Kill(signal); }
  int64_t ResidentBytes() const override { return ResidentMemory(child_->pid()); }
  std::string Identity() const override { return identity_; }

 private:
  std::unique_ptr<ChildProcess> child_;
  std::shared_ptr<TrainerStreams> streams_;
  const std::string identity_;
  ThreadExecutor readers_;  // last: joined first
};

// The calling thread's cores while it lives. A child inherits them, so that it has its slot's cores
// before its first instruction.
class ScopedAffinity {
 public:
  explicit ScopedAffinity(const std::vector<int>& cpus) {
    if (cpus.empty() || sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &wanted);
    changed_ = sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
  }
  ~ScopedAffinity() {
    if (changed_) sched_setaffinity(0, sizeof(before_), &before_);
  }
  ScopedAffinity(const ScopedAffinity&) = delete;
  ScopedAffinity& operator=(const ScopedAffinity&) = delete;

 private:
  cpu_set_t before_;
  bool changed_ = false;
};

// Field 22 of /proc/PID/stat; the name before it may hold blanks and brackets.
absl::StatusOr<std::string> StartTime(pid_t pid) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string stat,
                          PosixFileSystem().ReadFile(absl::StrCat("/proc/", pid, "/stat")));
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(stat.rfind(')') + 1), ' ', absl::SkipEmpty());
  constexpr size_t kStartTime = 19;
  if (fields.size() <= kStartTime) return absl::InternalError("/proc/PID/stat is cut short");
  return fields[kStartTime];
}

absl::StatusOr<std::string> BootId() {
  ATTUNE_ASSIGN_OR_RETURN(std::string id,
                          PosixFileSystem().ReadFile("/proc/sys/kernel/random/boot_id"));
  return std::string(absl::StripAsciiWhitespace(id));
}

}  // namespace

std::vector<std::string> TrainerEnvironment(const TrainerOptions& options, char** ours) {
  constexpr std::string_view kSetByUs[] = {
      "ATTUNE_", "OMP_NUM_THREADS=", "MKL_NUM_THREADS=", "OMP_WAIT_POLICY="};
  std::vector<std::string> environment;
  for (char** entry = ours; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    bool drop = false;
    for (std::string_view prefix : kSetByUs) drop = drop || variable.starts_with(prefix);
    if (!drop) environment.emplace_back(variable);
  }
  environment.push_back(absl::StrCat("OMP_NUM_THREADS=", options.threads));
  environment.push_back(absl::StrCat("MKL_NUM_THREADS=", options.threads));
  // Otherwise OpenMP's own rule: spin for a moment, then sleep. It is as fast as ACTIVE on quiet
  // cores, and does not stand still when something else wants them.
  if (!options.alone) environment.push_back("OMP_WAIT_POLICY=PASSIVE");
  environment.push_back("MKL_CBWR=AUTO");  // one code path, as worker/trainer/device asks
  return environment;
}

absl::StatusOr<std::string> ProcessIdentity(pid_t pid) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string start, StartTime(pid));
  ATTUNE_ASSIGN_OR_RETURN(const std::string boot, BootId());
  return absl::StrCat(pid, " ", start, " ", boot);
}

absl::StatusOr<std::unique_ptr<TrainerHandle>> TrainerProcessLauncher::Start(
    const TrainerOptions& options, TrainerCallbacks callbacks) {
  ATTUNE_ASSIGN_OR_RETURN(const auto frames, MakeSocketPair());
  auto log = MakeSocketPair();
  if (!log.ok()) {
    close(frames.first);
    close(frames.second);
    return log.status();
  }
  auto streams = std::make_shared<TrainerStreams>(frames.first, log->first, std::move(callbacks));
  SpawnOptions spawn;
  spawn.argv = {trainer_path_, options.predicts ? "--predict" : "--fd", absl::StrCat(kTrainerFd)};
  spawn.environment = TrainerEnvironment(options, environ);
  spawn.working_dir = options.working_dir;
  spawn.descriptors = {{frames.second, kTrainerFd}, {log->second, STDERR_FILENO}};
  absl::StatusOr<std::unique_ptr<ChildProcess>> child;
  {
    const ScopedAffinity cores(options.cpus);
    child = spawner_.Spawn(spawn, [streams](ExitStatus exit) { streams->OnExit(exit); });
  }
  close(frames.second);
  close(log->second);
  if (!child.ok()) {
    return absl::Status(child.status().code(),
                        absl::StrCat(child.status().message(), "; is ", trainer_path_,
                                     " there? Name another with --trainer PATH"));
  }
  return std::make_unique<TrainerProcess>(*std::move(child), std::move(streams), clock_);
}

absl::Status TrainerProcessLauncher::EnsureDead(const std::string& identity) {
  pid_t pid = 0;
  const std::vector<std::string> parts = absl::StrSplit(identity, ' ');
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &pid) || pid <= 1) return absl::OkStatus();
  const int pidfd = pidfd_open(pid, 0);
  if (pidfd < 0) {
    return errno == ESRCH ? absl::OkStatus() : ErrnoStatus(errno, "looking for an old trainer");
  }
  // The pidfd holds on to the process, so what is compared now is what gets the signal.
  absl::Status status;
  const absl::StatusOr<std::string> current = ProcessIdentity(pid);
  if (current.ok() && *current == identity) {
    pollfd wait{.fd = pidfd, .events = POLLIN, .revents = 0};
    (void)pidfd_send_signal(pidfd, SIGKILL, nullptr, 0);
    if (poll(&wait, 1, kDeathTimeoutMs) != 1) {
      status = absl::DeadlineExceededError(absl::StrCat(
          "an old trainer, process ", pid, ", does not die; it may hang in the kernel on a disk"));
    }
  }
  close(pidfd);
  return status;
}

}  // namespace attune
