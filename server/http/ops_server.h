// SPDX-License-Identifier: Apache-2.0
// The HTTP server of operations: /metrics, /healthz (the process lives), /readyz (it takes calls).
// It has its own port and threads, so it never waits behind anything else. Loopback only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace attune {

class OpsServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 7462;  // 0: a free one
  };

  // UNAVAILABLE: the port is taken. The functions are called on its threads and outlive it.
  static absl::StatusOr<std::unique_ptr<OpsServer>> Start(const Options& options,
                                                          std::function<std::string()> metrics,
                                                          std::function<bool()> ready);
  ~OpsServer();

  int port() const { return port_; }

 private:
  struct Impl;
  OpsServer(std::unique_ptr<Impl> impl, int port);
  std::unique_ptr<Impl> impl_;
  int port_;
};

}  // namespace attune
