// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as an Interruption while it lives; a second Ctrl-C ends the process at once. At most one
// at a time, made by the verbs that can say something useful about being interrupted.
#pragma once

#include <signal.h>

#include <thread>

#include "client/interruption.h"

namespace attune {

class InterruptOnSigint {
 public:
  explicit InterruptOnSigint(Interruption& interruption);  // must outlive it
  ~InterruptOnSigint();
  InterruptOnSigint(const InterruptOnSigint&) = delete;
  InterruptOnSigint& operator=(const InterruptOnSigint&) = delete;

 private:
  int event_ = -1;
  struct sigaction before_ {};
  std::thread listener_;
};

}  // namespace attune
