// SPDX-License-Identifier: Apache-2.0
#include "client/interruption.h"

#include <grpcpp/client_context.h>

#include <algorithm>

namespace attune {

void Interruption::Trigger() {
  absl::MutexLock lock(&mutex_);
  triggered_ = true;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
}

bool Interruption::triggered() const {
  absl::MutexLock lock(&mutex_);
  return triggered_;
}

bool Interruption::WaitFor(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  return !mutex_.AwaitWithTimeout(absl::Condition(&triggered_), duration);
}

Interruption::Scope::Scope(Interruption& interruption, grpc::ClientContext& context)
    : interruption_(interruption), context_(context) {
  absl::MutexLock lock(&interruption_.mutex_);
  interruption_.contexts_.push_back(&context_);
  if (interruption_.triggered_) context_.TryCancel();
}

Interruption::Scope::~Scope() {
  absl::MutexLock lock(&interruption_.mutex_);
  auto& contexts = interruption_.contexts_;
  contexts.erase(std::find(contexts.begin(), contexts.end(), &context_));
}

}  // namespace attune
