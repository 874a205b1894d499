// SPDX-License-Identifier: Apache-2.0
// Who waits for what. After each commit the store publishes the topics that the commit touched; a
// topic carries no data, only "look again". Subscribers are called on the store's writer lane and
// must only post to their own executor. Thread-safe.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace attune {

enum class TopicKind {
  kJob,      // key: job id; its row, events or metrics
  kQueue,    // key: job id; something the scheduler cares about
  kWorker,   // key: worker id; its row, its attempts or directives
  kDataset,  // key: dataset id
  kModel,    // key: model id
};

struct Topic {
  TopicKind kind;
  std::string key;
  auto operator<=>(const Topic&) const = default;
};

class ChangeFeed {
 public:
  using Callback = absl::AnyInvocable<void(const Topic&)>;

  // Unsubscribes when destroyed; after that the callback is not running and never runs again. So it
  // must not be destroyed by a callback, nor under a lock that a callback takes.
  class Subscription {
   public:
    ~Subscription();
    Subscription(const Subscription&) = delete;

   private:
    friend class ChangeFeed;
    Subscription(ChangeFeed& feed, uint64_t id) : feed_(feed), id_(id) {}
    ChangeFeed& feed_;
    const uint64_t id_;
  };

  std::unique_ptr<Subscription> Subscribe(Topic topic, Callback callback);
  std::unique_ptr<Subscription> SubscribeAll(TopicKind kind, Callback callback);

  void Publish(const std::set<Topic>& topics);

 private:
  struct Subscriber {
    Topic topic;  // key empty with `all`
    bool all = false;
    std::shared_ptr<Callback> callback;  // shared: kept alive while Publish calls it
  };
  std::unique_ptr<Subscription> Add(Subscriber subscriber);
  void Remove(uint64_t id);
  std::vector<uint64_t> SubscribersOf(const Topic& topic);
  std::shared_ptr<Callback> Find(uint64_t id);

  absl::Mutex calling_;  // held while callbacks run, so that ~Subscription can wait for them
  absl::Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Subscriber> subscribers_ ABSL_GUARDED_BY(mutex_);
  std::map<Topic, std::set<uint64_t>> by_topic_ ABSL_GUARDED_BY(mutex_);
  std::map<TopicKind, std::set<uint64_t>> by_kind_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
