// SPDX-License-Identifier: Apache-2.0
// The Transport of one agent process, over SimNetwork. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/trace.h"
#include "worker/agent/transport.h"

namespace attune {

class SimTransport final : public Transport {
 public:
  // `io` is the process's own lane: what arrives after its death is dropped.
  SimTransport(std::string worker, SimNetwork& network, SimServer& server, FileSystem& files,
               Executor& io, Trace& trace)
      : worker_(std::move(worker)),
        network_(network),
        server_(server),
        files_(files),
        io_(io),
        trace_(trace) {}

  std::unique_ptr<SessionStream> OpenSession(OnMessage on_message, OnStatus on_closed) override;
  void ReportAttempt(v1::ReportAttemptRequest request, OnReported done) override;
  void FindMissing(std::vector<v1::FileRef> files, OnMissing done) override;
  void FetchBlob(v1::FileRef file, std::string destination, OnStatus done) override;
  void UploadBlob(std::string path, v1::FileRef file, OnStatus done) override;

 private:
  const std::string worker_;
  SimNetwork& network_;
  SimServer& server_;
  FileSystem& files_;
  Executor& io_;
  Trace& trace_;
};

}  // namespace attune
