// SPDX-License-Identifier: Apache-2.0
// A stop that comes from outside, such as Ctrl-C, while the client waits or reads a stream.
// Thread-safe. Virtual so that tests choose how time passes.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace grpc {
class ClientContext;
}

namespace attune {

class Interruption {
 public:
  virtual ~Interruption() = default;

  // Ends waits and cancels the streams of every live Scope. Stays triggered.
  void Trigger();
  bool triggered() const;

  // True: the time passed. False: interrupted.
  virtual bool WaitFor(absl::Duration duration);

  // While it lives, Trigger cancels the call of `context`, which must outlive it.
  class Scope {
   public:
    Scope(Interruption& interruption, grpc::ClientContext& context);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Interruption& interruption_;
    grpc::ClientContext& context_;
  };

 private:
  mutable absl::Mutex mutex_;
  bool triggered_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace attune
