// SPDX-License-Identifier: Apache-2.0
#include "server/store/change_feed.h"

namespace attune {

ChangeFeed::Subscription::~Subscription() { feed_.Remove(id_); }

std::unique_ptr<ChangeFeed::Subscription> ChangeFeed::Subscribe(Topic topic, Callback callback) {
  return Add({std::move(topic), false, std::make_shared<Callback>(std::move(callback))});
}

std::unique_ptr<ChangeFeed::Subscription> ChangeFeed::SubscribeAll(TopicKind kind,
                                                                   Callback callback) {
  return Add({{kind, ""}, true, std::make_shared<Callback>(std::move(callback))});
}

std::unique_ptr<ChangeFeed::Subscription> ChangeFeed::Add(Subscriber subscriber) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = next_id_++;
  if (subscriber.all) {
    by_kind_[subscriber.topic.kind].insert(id);
  } else {
    by_topic_[subscriber.topic].insert(id);
  }
  subscribers_.emplace(id, std::move(subscriber));
  return std::unique_ptr<Subscription>(new Subscription(*this, id));
}

void ChangeFeed::Remove(uint64_t id) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = subscribers_.find(id);
    const Topic& topic = found->second.topic;
    if (found->second.all) {
      by_kind_[topic.kind].erase(id);
    } else if (auto ids = by_topic_.find(topic); ids->second.erase(id), ids->second.empty()) {
      by_topic_.erase(ids);
    }
    subscribers_.erase(found);
  }
  absl::MutexLock wait_for_callbacks(&calling_);
}

std::vector<uint64_t> ChangeFeed::SubscribersOf(const Topic& topic) {
  absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> ids;
  if (auto found = by_topic_.find(topic); found != by_topic_.end()) {
    ids.assign(found->second.begin(), found->second.end());
  }
  if (auto found = by_kind_.find(topic.kind); found != by_kind_.end()) {
    ids.insert(ids.end(), found->second.begin(), found->second.end());
  }
  return ids;
}

std::shared_ptr<ChangeFeed::Callback> ChangeFeed::Find(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto found = subscribers_.find(id);
  return found == subscribers_.end() ? nullptr : found->second.callback;
}

void ChangeFeed::Publish(const std::set<Topic>& topics) {
  absl::MutexLock lock(&calling_);
  for (const Topic& topic : topics) {
    for (const uint64_t id : SubscribersOf(topic)) {
      // Looked up one by one: a subscription may end while others are called.
      if (const std::shared_ptr<Callback> callback = Find(id)) (*callback)(topic);
    }
  }
}

}  // namespace attune
