// SPDX-License-Identifier: Apache-2.0
// The gRPC server: limits, health, reflection, and the services it is given. Listens on plaintext,
// so only on loopback addresses.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/rpc_counters.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace attune {

class GrpcServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 7460;  // 0: a free one
    bool reflection = true;
  };

  // Starts to serve, with health NOT_SERVING until SetServing. INVALID_ARGUMENT: not a loopback
  // address; UNAVAILABLE: the port is taken. Services and counters outlive it.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const Options& options, const std::vector<grpc::Service*>& services, RpcCounters& counters,
      const Clock& clock);
  ~GrpcServer();

  int port() const { return port_; }
  void SetServing(bool serving);

  // No new calls; those under way have until `grace` and are then cancelled. Blocks; call from
  // main.
  void Shutdown(absl::Duration grace);

 private:
  GrpcServer(std::unique_ptr<grpc::Server> server, int port);
  std::unique_ptr<grpc::Server> server_;
  int port_;
};

}  // namespace attune
