// SPDX-License-Identifier: Apache-2.0
#include "base/spawner.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/errors.h"

namespace attune {
namespace {

// By number: <sys/pidfd.h> of glibc 2.36 lacks the extern "C" that C++ needs.
int OpenPidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }
int SendSignal(int pidfd, int signal) {
  return static_cast<int>(syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

class UniqueFd {
 public:
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Shared by the watcher and the ChildProcess, either of which may go first.
using SharedFd = std::shared_ptr<const UniqueFd>;

class PosixChild final : public ChildProcess {
 public:
  PosixChild(pid_t pid, SharedFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid() const override { return pid_; }
  absl::Status Kill(int signal) override {
    if (SendSignal(pidfd_->get(), signal) == 0) return absl::OkStatus();
    if (errno == ESRCH) return absl::NotFoundError("the process has ended");
    return ErrnoStatus(errno, absl::StrCat("sending signal ", signal));
  }

 private:
  const pid_t pid_;
  const SharedFd pidfd_;
};

// posix_spawn's two argument objects, filled from the options. Each descriptor is first duplicated
// above every number the child asks for, so that no dup2 in the child overwrites a source.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  absl::Status Fill(const SpawnOptions& options);
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  absl::Status MapDescriptors(const std::vector<std::pair<int, int>>& descriptors);
  absl::Status CheckAction(int error) {
    return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "preparing to start a process");
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::vector<UniqueFd> duplicates_;
};

absl::Status SpawnPlan::MapDescriptors(const std::vector<std::pair<int, int>>& descriptors) {
  std::set<int> targets;
  for (const auto& [ours, theirs] : descriptors) {
    if (theirs < 0 || !targets.insert(theirs).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", theirs, " of a child is negative or named twice"));
    }
  }
  targets.insert({0, 1, 2});
  const int first_free = *targets.rbegin() + 1;
  for (const auto& [ours, theirs] : descriptors) {
    const int duplicate = fcntl(ours, F_DUPFD_CLOEXEC, first_free);
    if (duplicate < 0) return ErrnoStatus(errno, absl::StrCat("duplicating descriptor ", ours));
    duplicates_.emplace_back(duplicate);
  }
  for (const int standard : {0, 1}) {
    ATTUNE_RETURN_IF_ERROR(CheckAction(posix_spawn_file_actions_addopen(
        &actions_, standard, "/dev/null", standard == 0 ? O_RDONLY : O_WRONLY, 0)));
  }
  for (size_t i = 0; i < descriptors.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(CheckAction(
        posix_spawn_file_actions_adddup2(&actions_, duplicates_[i].get(), descriptors[i].second)));
  }
  // Also what somebody's library opened without O_CLOEXEC.
  for (int fd = 3; fd < first_free; ++fd) {
    if (targets.contains(fd)) continue;
    ATTUNE_RETURN_IF_ERROR(CheckAction(posix_spawn_file_actions_addclose(&actions_, fd)));
  }
  return CheckAction(posix_spawn_file_actions_addclosefrom_np(&actions_, first_free));
}

absl::Status SpawnPlan::Fill(const SpawnOptions& options) {
  ATTUNE_RETURN_IF_ERROR(MapDescriptors(options.descriptors));
  if (!options.working_dir.empty()) {
    ATTUNE_RETURN_IF_ERROR(
        CheckAction(posix_spawn_file_actions_addchdir_np(&actions_, options.working_dir.c_str())));
  }
  // The child starts with no signal blocked or ignored, whatever we do with ours.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes_, &none);
  posix_spawnattr_setsigdefault(&attributes_, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.new_session) flags |= POSIX_SPAWN_SETSID;
  return CheckAction(posix_spawnattr_setflags(&attributes_, static_cast<short>(flags)));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The child must have ended, or be about to.
ExitStatus Reap(pid_t pid) {
  int status = 0;
  rusage usage{};
  pid_t reaped;
  do {
    reaped = wait4(pid, &status, 0, &usage);
  } while (reaped < 0 && errno == EINTR);
  ExitStatus exit;
  if (reaped < 0) {
    exit.code = -1;  // another part of this process waited for it: never taken for a success
  } else if (WIFSIGNALED(status)) {
    exit.signal = WTERMSIG(status);
  } else {
    exit.code = WEXITSTATUS(status);
  }
  exit.peak_rss_bytes = int64_t{usage.ru_maxrss} * 1024;
  return exit;
}

class PosixSpawner final : public Spawner {
 public:
  PosixSpawner() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_.get() < 0) {  // no spawner without it
      std::perror("eventfd");
      std::abort();
    }
    thread_ = std::thread([this] { Watch(); });
  }
  ~PosixSpawner() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    Wake();
    thread_.join();
  }

  absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(
      const SpawnOptions& options, absl::AnyInvocable<void(ExitStatus)> on_exit) override;

 private:
  struct Watched {
    pid_t pid;
    SharedFd pidfd;
    absl::AnyInvocable<void(ExitStatus)> on_exit;
  };

  void Watch();
  bool TakeArrivals(std::vector<Watched>& watched);  // false: stop
  void Wake() { eventfd_write(wake_.get(), 1); }

  const UniqueFd wake_;
  std::thread thread_;
  absl::Mutex mutex_;
  std::vector<Watched> arrivals_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::StatusOr<std::unique_ptr<ChildProcess>> PosixSpawner::Spawn(
    const SpawnOptions& options, absl::AnyInvocable<void(ExitStatus)> on_exit) {
  if (options.argv.empty()) return absl::InvalidArgumentError("no program to start");
  const std::string& program = options.argv[0];
  SpawnPlan plan;
  ATTUNE_RETURN_IF_ERROR(plan.Fill(options));
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, program.c_str(), plan.actions(), plan.attributes(),
                  Pointers(options.argv).data(), Pointers(options.environment).data());
  const std::string name = program.substr(program.rfind('/') + 1);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("starting '", name, "'"));
  // The number cannot have been reused: only the watcher reaps.
  const int pidfd = OpenPidfd(pid);
  if (pidfd < 0) {
    const absl::Status status = ErrnoStatus(errno, absl::StrCat("watching '", name, "'"));
    kill(pid, SIGKILL);
    Reap(pid);
    return status;
  }
  auto shared = std::make_shared<const UniqueFd>(pidfd);
  auto child = std::make_unique<PosixChild>(pid, shared);
  {
    absl::MutexLock lock(&mutex_);
    arrivals_.push_back({pid, std::move(shared), std::move(on_exit)});
  }
  Wake();
  return child;
}

bool PosixSpawner::TakeArrivals(std::vector<Watched>& watched) {
  eventfd_t count;
  eventfd_read(wake_.get(), &count);
  absl::MutexLock lock(&mutex_);
  std::move(arrivals_.begin(), arrivals_.end(), std::back_inserter(watched));
  arrivals_.clear();
  return !stopping_;
}

void PosixSpawner::Watch() {
  std::vector<Watched> watched;
  std::vector<pollfd> fds;
  while (TakeArrivals(watched)) {
    fds.assign(1, pollfd{wake_.get(), POLLIN, 0});
    for (const Watched& child : watched) fds.push_back({child.pidfd->get(), POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) continue;  // EINTR
    std::vector<Watched> running;
    for (size_t i = 0; i < watched.size(); ++i) {
      if (fds[i + 1].revents == 0) {
        running.push_back(std::move(watched[i]));
      } else {
        watched[i].on_exit(Reap(watched[i].pid));
      }
    }
    watched = std::move(running);
  }
}

}  // namespace

std::unique_ptr<Spawner> MakePosixSpawner() { return std::make_unique<PosixSpawner>(); }

}  // namespace attune
