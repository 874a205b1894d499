// SPDX-License-Identifier: Apache-2.0
// One session between an agent and the server: two directions in order, each message with a delay
// of its own, until it is closed by a side or cut. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "tests/simulation/sim_network.h"
#include "tests/simulation/sim_server.h"
#include "tests/simulation/trace.h"
#include "worker/agent/transport.h"

namespace attune {

class SessionLink : public std::enable_shared_from_this<SessionLink> {
 public:
  SessionLink(std::string worker, SimNetwork& network, SimServer& server, Trace& trace,
              Transport::OnMessage on_message, Transport::OnStatus on_closed)
      : worker_(std::move(worker)),
        network_(network),
        server_(server),
        trace_(trace),
        on_message_(std::move(on_message)),
        on_closed_(std::move(on_closed)) {}

  void Open();
  void ToServer(v1::WorkerMessage message);
  void CloseFromAgent();
  void Cut(bool silently);
  bool cut() const { return cut_; }

 private:
  void Connect();
  void ToAgent(const v1::SchedulerMessage& message);
  void CloseFromServer(const absl::Status& why);
  // Delivers in order; nothing once the link was cut.
  void Send(absl::Duration& not_before, absl::AnyInvocable<void(SessionLink&)> deliver);
  void TellAgent(const absl::Status& why);
  void TellServer();

  const std::string worker_;
  SimNetwork& network_;
  SimServer& server_;
  Trace& trace_;
  Transport::OnMessage on_message_;
  Transport::OnStatus on_closed_;
  std::shared_ptr<SessionHandle> handle_;  // the server's end: shared as SessionRegistry gives it
  absl::Duration up_not_before_, down_not_before_;
  bool cut_ = false;
  bool agent_knows_ = false;  // that it is over
};

}  // namespace attune
