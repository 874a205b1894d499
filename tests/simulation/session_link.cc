// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/session_link.h"

#include <algorithm>
#include <utility>

namespace attune {

void SessionLink::Send(absl::Duration& not_before, absl::AnyInvocable<void(SessionLink&)> deliver) {
  Executor& lane = network_.lane();
  not_before = std::max(not_before, lane.clock().SinceBoot() + network_.Delay());
  lane.PostAt(not_before, [self = shared_from_this(), deliver = std::move(deliver)]() mutable {
    if (!self->cut_) deliver(*self);
  });
}

void SessionLink::Open() {
  network_.AddLink(weak_from_this());
  Send(up_not_before_, [](SessionLink& self) { self.Connect(); });
}

void SessionLink::Connect() {
  // Weak: the server's end may outlive the link.
  const std::weak_ptr<SessionLink> weak = weak_from_this();
  handle_ = server_.OpenSession(
      [weak](const v1::SchedulerMessage& message) {
        if (auto self = weak.lock()) self->ToAgent(message);
      },
      [weak](const absl::Status& why) {
        if (auto self = weak.lock()) self->CloseFromServer(why);
      });
  if (!handle_) CloseFromServer(absl::UnavailableError("connection refused"));
}

void SessionLink::ToServer(v1::WorkerMessage message) {
  Send(up_not_before_, [message = std::move(message)](SessionLink& self) {
    if (message.has_hello()) {
      self.trace_.Line(self.worker_, " hello, holds ", message.hello().held_size());
    }
    if (self.handle_) self.handle_->OnMessage(message);
  });
}

void SessionLink::ToAgent(const v1::SchedulerMessage& message) {
  Send(down_not_before_, [message](SessionLink& self) {
    if (message.has_lease()) {
      self.trace_.Line(self.worker_, " gets lease ", message.lease().job(), " fence ",
                       message.lease().fence());
    } else if (message.has_directive()) {
      self.trace_.Line(self.worker_, " gets directive ", message.directive().directive_id(),
                       " fence ", message.directive().fence(), " stop ",
                       static_cast<int>(message.directive().stop()));
    }
    if (!self.agent_knows_) self.on_message_(message);
  });
}

void SessionLink::CloseFromServer(const absl::Status& why) {
  Send(down_not_before_, [why](SessionLink& self) {
    self.cut_ = true;
    self.TellAgent(why);
    self.TellServer();
  });
}

void SessionLink::CloseFromAgent() {
  agent_knows_ = true;
  Send(up_not_before_, [](SessionLink& self) {
    self.cut_ = true;
    self.TellServer();
  });
}

void SessionLink::Cut(bool silently) {
  trace_.Line("cut ", worker_, silently ? " silently" : "");
  cut_ = true;
  if (silently) return;
  network_.lane().PostAfter(network_.Delay(), [self = shared_from_this()] {
    self->TellAgent(absl::UnavailableError("connection reset"));
  });
  network_.lane().PostAfter(network_.Delay(), [self = shared_from_this()] { self->TellServer(); });
}

void SessionLink::TellAgent(const absl::Status& why) {
  if (!std::exchange(agent_knows_, true)) on_closed_(why);
}

void SessionLink::TellServer() {
  if (auto handle = std::exchange(handle_, nullptr)) handle->OnClosed();
}

}  // namespace attune
