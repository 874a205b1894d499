// SPDX-License-Identifier: Apache-2.0
// Child processes. gRPC forbids fork without exec, so children come from posix_spawn and every
// descriptor but the ones named here is close-on-exec.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace attune {

struct SpawnOptions {
  std::vector<std::string> argv;                 // argv[0] is the path; no shell, no PATH search
  std::vector<std::string> environment;          // "K=V", the whole environment of the child
  std::string working_dir;                       // empty: the parent's
  std::vector<std::pair<int, int>> descriptors;  // {ours, the child's number}; 0 and 1 default to
                                                 // /dev/null, 2 to ours
  bool new_session = false;                      // setsid, so that a signal to us does not reach it
};

struct ExitStatus {
  int code = 0;                // exit code, when signal is 0
  int signal = 0;              // the signal that ended it
  int64_t peak_rss_bytes = 0;  // Linux counts ours at the start too: never less than that
};

// Destroying a ChildProcess neither kills nor forgets it: the exit callback still comes.
class ChildProcess {
 public:
  virtual ~ChildProcess() = default;
  virtual pid_t pid() const = 0;
  virtual absl::Status Kill(int signal) = 0;  // of this very process, never of a reused pid
};

// Thread-safe.
class Spawner {
 public:
  virtual ~Spawner() = default;
  // `on_exit` is called once, after the child was reaped, on a thread of the spawner; what it uses
  // outlives the spawner, not only the child's handle.
  virtual absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(
      const SpawnOptions& options, absl::AnyInvocable<void(ExitStatus)> on_exit) = 0;
};

// One watcher thread over pidfds. Outlives its children's callbacks; the destructor stops watching.
std::unique_ptr<Spawner> MakePosixSpawner();

}  // namespace attune
