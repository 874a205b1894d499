// SPDX-License-Identifier: Apache-2.0
// A server that a test writes the lines of: a Transport with the report and blob rules of the
// protos. Not thread-safe: runs on `network`, a lane of the test's SimLoop.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/file_system.h"
#include "worker/agent/transport.h"

namespace attune {

class ScriptedServer final : public Transport {
 public:
  explicit ScriptedServer(Executor& network) : network_(network) {}

  // ---- what the test decides ----
  bool reachable = true;  // else sessions close and calls are UNAVAILABLE
  bool welcomes = true;   // answers Hello
  bool renews = true;     // answers heartbeats
  absl::Duration lease_ttl = absl::Seconds(15);
  std::string incarnation = "server-1";
  std::deque<absl::Status> next_report_answers;  // before the rules apply; OK: apply them

  void Send(v1::SchedulerMessage message);  // to the open session
  void Send(const v1::Lease& lease);
  void Send(const v1::Directive& directive);
  void Send(const v1::PredictOrder& order);
  void CloseSession(absl::Status why);
  v1::FileRef AddBlob(const std::string& path, const std::string& bytes);
  // A lease of a small job, its inputs among the blobs.
  v1::Lease MakeLease(const std::string& job, int64_t fence);

  std::function<void()> on_report;  // after each call was applied

  // ---- what the agent did ----
  int dials = 0;
  std::vector<v1::Hello> hellos;
  std::vector<v1::Heartbeat> heartbeats;
  std::vector<v1::PredictionAnswer> predictions;
  std::vector<v1::ReportAttemptRequest> report_calls;
  std::map<int64_t, std::vector<v1::AttemptReport>> reports;  // applied, by fence
  std::map<std::string, std::string> blobs;
  std::vector<std::string> uploads, fetches;  // digests
  bool session_open() const { return on_message_ != nullptr; }
  // Names of the applied reports: "started metrics checkpoint succeeded".
  std::string Story(int64_t fence) const;

  // ---- Transport ----
  std::unique_ptr<SessionStream> OpenSession(OnMessage on_message, OnStatus on_closed) override;
  void ReportAttempt(v1::ReportAttemptRequest request, OnReported done) override;
  void FindMissing(std::vector<v1::FileRef> files, OnMissing done) override;
  void FetchBlob(v1::FileRef file, std::string destination, OnStatus done) override;
  void UploadBlob(std::string path, v1::FileRef file, OnStatus done) override;

 private:
  class Stream;
  void Receive(int session, const v1::WorkerMessage& message);
  absl::StatusOr<v1::ReportAttemptResponse> Apply(const v1::ReportAttemptRequest& request);

  Executor& network_;
  int session_ = 0;
  OnMessage on_message_;
  OnStatus on_closed_;
};

}  // namespace attune
