// SPDX-License-Identifier: Apache-2.0
// The Transport over gRPC, and the only agent file that knows gRPC. The bearer token goes into each
// call's metadata; keepalive (30 s, 10 s) finds a dead peer. Session and reports use the callback
// API, so that no thread waits; blobs use blocking calls on `io`, since they do little but read and
// write files.
//
// Thread-safe. Borrows io and files. ShutDown cuts everything that is under way and waits until its
// callbacks have returned; sessions must have been destroyed before.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "worker/agent/transport.h"

namespace attune {

struct GrpcTransportOptions {
  // Both are asked before each session, so that a server that came back on another port, and a
  // token that was replaced, are found. "127.0.0.1:7460".
  std::function<absl::StatusOr<std::string>()> address;
  std::function<absl::StatusOr<std::string>()> token;
};

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(Executor& io, FileSystem& files, GrpcTransportOptions options);
  ~GrpcTransport() override;

  std::unique_ptr<SessionStream> OpenSession(OnMessage on_message, OnStatus on_closed) override;
  void ReportAttempt(v1::ReportAttemptRequest request, OnReported done) override;
  void FindMissing(std::vector<v1::FileRef> files, OnMissing done) override;
  void FetchBlob(v1::FileRef file, std::string destination, OnStatus done) override;
  void UploadBlob(std::string path, v1::FileRef file, OnStatus done) override;

  void ShutDown();

 private:
  class Connection;
  // Shared with the calls under way, which may outlive a change of the server's address.
  std::shared_ptr<Connection> connection() const;
  absl::Status Redial();
  template <typename Callback>
  bool RefuseUnconnected(const std::shared_ptr<Connection>& to, Callback& done);

  struct State;
  Executor& io_;
  FileSystem& files_;
  const GrpcTransportOptions options_;
  std::unique_ptr<State> state_;
};

}  // namespace attune
