// SPDX-License-Identifier: Apache-2.0
// The server of the simulation: the production parts below server/rpc on a disk that can lose
// power, process after process on the same disk. Calls come from the network's lane. Not
// thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attune/v1/worker_service.pb.h"
#include "server/session/session_registry.h"
#include "server/store/store.h"
#include "tests/fakes/sim_executor.h"
#include "tests/fakes_store/crash_disk.h"
#include "tests/fakes_store/crash_vfs.h"
#include "tests/fakes_store/memory_file_system.h"
#include "tests/simulation/history.h"
#include "tests/simulation/lying_file_system.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/trace.h"

namespace attune {

class BlobStore;
class JobLifecycle;

struct Nothing {};

// A job as a client sees it, and how many events there were then.
struct JobView {
  v1::Job job;
  int64_t sequence = 0;
};

class SimServer {
 public:
  SimServer(SimLoop& loop, Rng& rng, Trace& trace, History& history, bool blob_disk_lies);
  ~SimServer();

  // A new process on what the disk holds. The first one also gets a base model and a dataset.
  absl::Status Start();
  void Kill();      // SIGKILL
  void PowerOff();  // the disk keeps what was synced, and what it likes of the rest
  // The disk fails after so many more operations; the power goes a little later.
  void FailDiskAfter(int64_t operations);
  // A byte of some checkpoint's file changes, and nobody is told.
  void DamageACheckpoint();
  void Pause();
  void Resume();
  bool up() const { return process_ != nullptr; }

  // ---- what rpc offers ----
  // nullptr: nobody listens.
  std::shared_ptr<SessionHandle> OpenSession(std::function<void(v1::SchedulerMessage)> send,
                                             std::function<void(absl::Status)> close);
  void Report(v1::ReportAttemptRequest request, Respond<v1::ReportAttemptResponse> respond);
  void FindMissing(const std::vector<v1::FileRef>& files,
                   const Respond<std::vector<std::string>>& respond);
  void ReadBlob(const v1::FileRef& file, const Respond<std::string>& respond);
  void WriteBlob(const v1::FileRef& file, const std::string& bytes, Respond<Nothing> respond);
  using JobCall = std::function<absl::StatusOr<v1::Job>(JobLifecycle&, Transaction&)>;
  void ChangeJob(JobCall call, Respond<JobView> respond);
  void GetJob(const std::string& name, const Respond<JobView>& respond);
  void ListEvents(const std::string& name, int64_t after,
                  const Respond<std::vector<v1::JobEvent>>& respond);

  // For the checker, between the events.
  Store& store();
  BlobStore& blobs();
  FileSystem& blob_files();
  CrashDisk& disk() { return disk_; }

 private:
  struct Process;
  absl::Status StartProcess();
  absl::Status OpenProcess(Process& process);
  absl::Status AddInputs();
  void NoteApplied(const v1::ReportAttemptRequest& request, int64_t next_index);
  void EndProcess(const std::string& how);
  void OnFatal();
  template <typename Reply>
  Process* Serving(const Respond<Reply>& respond, std::function<void()> again);

  SimLoop& loop_;
  Rng& rng_;
  Trace& trace_;
  History& history_;
  CrashDisk disk_;
  MemoryFileSystem memory_files_;
  LyingFileSystem lying_files_{memory_files_};
  const bool blob_disk_lies_;
  CrashVfs vfs_;
  SimExecutor& hardware_;  // never dies
  std::unique_ptr<Process> process_;
  bool paused_ = false;
  bool has_inputs_ = false;
};

}  // namespace attune
