// SPDX-License-Identifier: Apache-2.0
#include "server/http/ops_server.h"

#include <httplib.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace attune {

// cpp-httplib blocks in listen_after_bind: the one thread here belongs to the library's way of
// working.
struct OpsServer::Impl {
  httplib::Server server;
  std::thread listener;
  std::atomic<bool> ended = false;
};

absl::StatusOr<std::unique_ptr<OpsServer>> OpsServer::Start(const Options& options,
                                                            std::function<std::string()> metrics,
                                                            std::function<bool()> ready) {
  auto impl = std::make_unique<Impl>();
  httplib::Server& server = impl->server;
  server.new_task_queue = [] { return new httplib::ThreadPool(2); };
  server.set_payload_max_length(64 << 10);
  // SO_REUSEADDR alone: the library's default shares the port with another server.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.Get("/metrics", [metrics](const httplib::Request&, httplib::Response& response) {
    response.set_content(metrics(), "text/plain; version=0.0.4; charset=utf-8");
  });
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });
  server.Get("/readyz", [ready](const httplib::Request&, httplib::Response& response) {
    const bool is_ready = ready();
    response.status = is_ready ? 200 : 503;
    response.set_content(is_ready ? "ready\n" : "not ready\n", "text/plain");
  });

  int port = options.port;
  const bool bound = port == 0 ? (port = server.bind_to_any_port(options.host.c_str())) > 0
                               : server.bind_to_port(options.host.c_str(), port);
  if (!bound) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options.host, ":", options.port,
                                               "; another program has the port: stop it, or choose "
                                               "another with --ops-port (0: a free one)"));
  }
  // stop() does nothing until the listener listens, so that is awaited here.
  impl->listener = std::thread([&impl = *impl] {
    impl.server.listen_after_bind();
    impl.ended = true;
  });
  while (!server.is_running() && !impl->ended) std::this_thread::yield();
  return std::unique_ptr<OpsServer>(new OpsServer(std::move(impl), port));
}

OpsServer::OpsServer(std::unique_ptr<Impl> impl, int port) : impl_(std::move(impl)), port_(port) {}

OpsServer::~OpsServer() {
  impl_->server.stop();
  impl_->listener.join();
}

}  // namespace attune
