// SPDX-License-Identifier: Apache-2.0
// All parts of attuned, built bottom-up and drained top-down. The only place that knows them all.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/options.h"

namespace attune {

class Server {
 public:
  // Serves once it returns. FAILED_PRECONDITION: the data folder is in use (exit code 75), or its
  // database cannot be used; UNAVAILABLE: a port is taken. `request_stop` is called from any thread
  // when someone asks for a stop.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, std::function<void(bool keep_workers)> request_stop);

  // Drains: NOT_SERVING, no more grants, the local worker checkpoints and stops (≤ 30 s, unless
  // kept), streams end with UNAVAILABLE, calls have 5 s. Blocks; then destroy.
  void Drain(bool keep_workers);
  ~Server();

  int grpc_port() const;
  int ops_port() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace attune
