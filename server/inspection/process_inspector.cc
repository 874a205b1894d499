// SPDX-License-Identifier: Apache-2.0
// Runs attune-inspect as a child: the request on its stdin (a file in memory), the report from its
// stdout (a pipe, read on a lane of its own until it ends or says too much).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/errors.h"
#include "base/logging.h"
#include "server/inspection/inspection.h"

namespace attune {
namespace {

constexpr size_t kMaxReportBytes = 8 << 20;
constexpr int kNiceness = 10;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<FileDescriptor> FileInMemory(std::string_view data) {
  FileDescriptor file(memfd_create("attune-inspect-request", MFD_CLOEXEC));
  if (file.get() < 0) return ErrnoStatus(errno, "memfd_create");
  while (!data.empty()) {
    const ssize_t written = write(file.get(), data.data(), data.size());
    if (written < 0) return ErrnoStatus(errno, "writing the request");
    data.remove_prefix(static_cast<size_t>(written));
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "lseek");
  return file;
}

// To the end; RESOURCE_EXHAUSTED when there is too much.
absl::StatusOr<std::string> ReadAll(const FileDescriptor& pipe) {
  std::string text;
  std::array<char, 64 << 10> chunk;
  while (true) {
    const ssize_t got = read(pipe.get(), chunk.data(), chunk.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "reading the report");
    text.append(chunk.data(), static_cast<size_t>(got));
    if (text.size() > kMaxReportBytes) {
      return absl::ResourceExhaustedError("attune-inspect wrote more than 8 MiB");
    }
  }
}

class ProcessInspector final : public Inspector {
 public:
  ProcessInspector(std::string binary, Spawner& spawner, Executor& executor, std::string work_dir,
                   absl::Duration time_limit)
      : binary_(std::move(binary)),
        spawner_(spawner),
        executor_(executor),
        work_dir_(std::move(work_dir)),
        time_limit_(time_limit),
        reader_("inspect-pipe", 1, executor.clock()) {}

  // The executor is shut down by now. A child that still runs would keep the reader waiting.
  ~ProcessInspector() override {
    for (auto& [id, run] : runs_) Kill(*run);
  }

  void Run(std::string request_json,
           absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) override {
    executor_.Post([this, request = std::move(request_json), done = std::move(done)]() mutable {
      Start(request, std::move(done));
    });
  }

 private:
  // One child. Its end has two halves, which come in any order: it exits, and its pipe ends.
  struct Running {
    absl::AnyInvocable<void(absl::StatusOr<std::string>)> done;
    std::unique_ptr<ChildProcess> child;
    Executor::TimerId timer = 0;
    bool timed_out = false;
    std::optional<ExitStatus> exit;
    std::optional<absl::StatusOr<std::string>> report;
  };

  void Start(const std::string& request,
             absl::AnyInvocable<void(absl::StatusOr<std::string>)> done) {
    const uint64_t id = next_id_++;
    auto run = std::make_unique<Running>();
    auto pipe = Spawn(id, request, *run);
    if (!pipe.ok()) {
      done(pipe.status());
      return;
    }
    run->done = std::move(done);
    run->timer = executor_.PostAfter(time_limit_, [this, id] { TimeOut(id); });
    runs_.emplace(id, std::move(run));
    reader_.Post([this, id, pipe = *std::move(pipe)] {
      executor_.Post([this, id, report = ReadAll(pipe)]() mutable {
        if (const auto found = runs_.find(id); found != runs_.end()) {
          if (!report.ok()) Kill(*found->second);
          found->second->report = std::move(report);
          FinishIfEnded(id);
        }
      });
    });
  }

  // The reading end of the child's stdout.
  absl::StatusOr<FileDescriptor> Spawn(uint64_t id, const std::string& request, Running& run) {
    ATTUNE_RETURN_IF_ERROR(PosixFileSystem().MakeDirs(work_dir_));
    ATTUNE_ASSIGN_OR_RETURN(const FileDescriptor input, FileInMemory(request));
    std::array<int, 2> ends;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
    FileDescriptor reading(ends[0]);
    const FileDescriptor writing(ends[1]);
    SpawnOptions options;
    options.argv = {binary_, "run"};
    options.environment = {"LC_ALL=C.UTF-8"};
    options.working_dir = work_dir_;
    options.descriptors = {{input.get(), 0}, {writing.get(), 1}};
    options.new_session = true;
    // The child may end after this object; the executor, shut down by then, drops the task.
    ATTUNE_ASSIGN_OR_RETURN(
        run.child, spawner_.Spawn(options, [this, id, executor = &executor_](ExitStatus exit) {
          executor->Post([this, id, exit] {
            if (const auto found = runs_.find(id); found != runs_.end()) {
              found->second->exit = exit;
              FinishIfEnded(id);
            }
          });
        }));
    setpriority(PRIO_PROCESS, static_cast<id_t>(run.child->pid()), kNiceness);
    return reading;
  }

  static void Kill(Running& run) { run.child->Kill(SIGKILL).IgnoreError(); }

  void TimeOut(uint64_t id) {
    const auto found = runs_.find(id);
    if (found == runs_.end()) return;
    found->second->timed_out = true;
    Kill(*found->second);
  }

  void FinishIfEnded(uint64_t id) {
    const auto found = runs_.find(id);
    if (!found->second->exit || !found->second->report) return;
    const std::unique_ptr<Running> run = std::move(found->second);
    runs_.erase(found);
    executor_.Cancel(run->timer);
    run->done(Result(*run));
  }

  absl::StatusOr<std::string> Result(Running& run) const {
    if (run.timed_out) {
      return absl::DeadlineExceededError(
          absl::StrCat("attune-inspect took longer than ", absl::FormatDuration(time_limit_)));
    }
    if (!run.report->ok()) return run.report->status();
    if (run.exit->signal != 0) {
      return absl::InternalError(
          absl::StrCat("attune-inspect was ended by signal ", run.exit->signal));
    }
    if (run.exit->code != 0) {
      return absl::InternalError(
          absl::StrCat("attune-inspect ended with exit code ", run.exit->code));
    }
    return *std::move(*run.report);
  }

  const std::string binary_;
  Spawner& spawner_;
  Executor& executor_;
  const std::string work_dir_;
  const absl::Duration time_limit_;
  // Used on the executor only.
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::unique_ptr<Running>> runs_;
  ThreadExecutor reader_;  // last: joined before what its task uses goes
};

}  // namespace

std::unique_ptr<Inspector> MakeProcessInspector(std::string binary, Spawner& spawner,
                                                Executor& executor, std::string work_dir,
                                                absl::Duration time_limit) {
  return std::make_unique<ProcessInspector>(std::move(binary), spawner, executor,
                                            std::move(work_dir), time_limit);
}

}  // namespace attune
