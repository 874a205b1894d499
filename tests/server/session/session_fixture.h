// SPDX-License-Identifier: Apache-2.0
// A session registry over a store with jobs, and the workers' ends of its sessions.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "server/session/session_registry.h"
#include "server/store/attempts_table.h"
#include "tests/server/jobs/job_world.h"

namespace attune {

// The worker's end of a session: what it was sent, in words.
struct Line {
  std::shared_ptr<SessionHandle> handle;
  std::vector<std::string> heard;
  std::vector<v1::Directive> directives;
  std::vector<v1::PredictOrder> predictions;
  absl::Status closed;
  bool open = true;
};

class SessionRegistryTest : public testing::Test {
 protected:
  SessionRegistryTest() { Restart(); }

  void Restart() {
    if (executor_ != nullptr) world_.loop().Kill(*executor_);
    executor_ = &world_.loop().NewExecutor("session");
    registry_.reset();
    registry_ = std::make_unique<SessionRegistry>(world_.store(), world_.leases(),
                                                  world_.counters(), *executor_, SessionOptions());
    ASSERT_TRUE(registry_->Start().ok());
    Settle();
  }
  void Settle() { world_.loop().RunUntilIdle(); }

  std::shared_ptr<Line> Open() {
    auto line = std::make_shared<Line>();
    // Weak, as the transport's: the line owns the handle, which owns the session and these.
    const std::weak_ptr<Line> weak = line;
    line->handle = registry_->Open(
        [weak](v1::SchedulerMessage message) {
          if (auto line = weak.lock()) line->heard.push_back(Words(message, *line));
        },
        [weak](absl::Status status) {
          auto line = weak.lock();
          if (!line) return;
          line->open = false;
          line->closed = std::move(status);
        });
    Settle();
    return line;
  }
  static std::string Words(const v1::SchedulerMessage& message, Line& line) {
    switch (message.message_case()) {
      case v1::SchedulerMessage::kWelcome:
        return "welcome";
      case v1::SchedulerMessage::kLease:
        return absl::StrCat("lease ", message.lease().job());
      case v1::SchedulerMessage::kRenewal:
        return absl::StrCat("renewal ", message.renewal().heartbeat_sequence(), " [",
                            absl::StrJoin(message.renewal().renewed_fences(), " "), "]");
      case v1::SchedulerMessage::kDirective:
        line.directives.push_back(message.directive());
        return absl::StrCat(v1::StopCause_Name(message.directive().stop()), " ",
                            message.directive().job());
      case v1::SchedulerMessage::kPredict:
        line.predictions.push_back(message.predict());
        return absl::StrCat("predict ", message.predict().rows_size());
      default:
        return "?";
    }
  }

  v1::HeldAttempt Held(const std::string& job_id, bool running = true) {
    const AttemptRecord attempt = world_.Attempt(job_id);
    v1::HeldAttempt held;
    held.set_job("jobs/" + job_id);
    held.set_attempt(attempt.attempt);
    held.set_fence(attempt.fence);
    held.set_running(running);
    return held;
  }

  std::shared_ptr<Line> Hello(const std::vector<v1::HeldAttempt>& held = {},
                              const std::string& worker = "w1", const std::string& boot = "boot-1",
                              const std::string& agent = "agent-1") {
    auto line = Open();
    v1::WorkerMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_worker_id(worker);
    hello.set_boot_id(boot);
    hello.set_agent_instance(agent);
    hello.mutable_inventory()->set_slots(2);
    hello.mutable_inventory()->set_threads_per_slot(2);
    hello.mutable_inventory()->add_model_families("bert");
    hello.mutable_inventory()->add_tasks("text_classification");
    for (const v1::HeldAttempt& attempt : held) *hello.add_held() = attempt;
    line->handle->OnMessage(message);
    Settle();
    return line;
  }

  void Heartbeat(Line& line, const std::vector<v1::HeldAttempt>& held,
                 std::vector<int64_t> answered = {}, bool draining = false) {
    v1::WorkerMessage message;
    message.mutable_heartbeat()->set_sequence(++sequence_);
    for (const v1::HeldAttempt& attempt : held) *message.mutable_heartbeat()->add_held() = attempt;
    for (int64_t id : answered) message.mutable_heartbeat()->add_answered_directives(id);
    message.mutable_heartbeat()->set_draining(draining);
    line.heard.clear();
    line.handle->OnMessage(message);
    Settle();
  }

  // As if its Started report had come.
  void MarkStarted(const std::string& job_id) {
    AttemptRecord attempt = world_.Attempt(job_id);
    attempt.state = v1::Attempt::STARTED;
    ASSERT_TRUE(
        world_.Write([&](Transaction& transaction) { return PutAttempt(transaction, attempt); })
            .ok());
  }
  int64_t Grant(const std::string& job_id) {
    world_.Submit(job_id);
    return world_.Grant(job_id);
  }
  v1::Worker Worker(const std::string& id = "w1") {
    v1::Worker worker;
    EXPECT_TRUE(world_.store()
                    .Read([&](Snapshot& snapshot) -> absl::Status {
                      ATTUNE_ASSIGN_OR_RETURN(const WorkerRecord record, GetWorker(snapshot, id));
                      worker = record.worker;
                      return absl::OkStatus();
                    })
                    .ok());
    return worker;
  }

  JobWorld world_;
  SimExecutor* executor_ = nullptr;
  std::unique_ptr<SessionRegistry> registry_;
  int64_t sequence_ = 0;
};

}  // namespace attune
