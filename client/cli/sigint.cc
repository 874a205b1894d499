// SPDX-License-Identifier: Apache-2.0
#include "client/cli/sigint.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "client/text/error_text.h"

namespace attune {
namespace {

constexpr uint64_t kSignal = 1;
constexpr uint64_t kStop = 1 << 20;

// What a signal handler may touch.
std::atomic<int> g_event = -1;
std::atomic<bool> g_interrupted = false;

void OnSigint(int) {
  if (g_interrupted.exchange(true)) _exit(kExitDetached);
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = write(g_event, &kSignal, sizeof kSignal);
  errno = saved;
}

// Cancelling a call takes locks, so it happens on a thread rather than in the handler.
void Listen(int event, Interruption& interruption) {
  uint64_t value = 0;
  while (read(event, &value, sizeof value) < 0 && errno == EINTR) {
  }
  if (value < kStop) interruption.Trigger();
}

}  // namespace

InterruptOnSigint::InterruptOnSigint(Interruption& interruption)
    : event_(eventfd(0, EFD_CLOEXEC)),
      listener_([event = event_, &interruption] { Listen(event, interruption); }) {
  g_event = event_;
  g_interrupted = false;
  struct sigaction action {};
  action.sa_handler = OnSigint;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &before_);
}

InterruptOnSigint::~InterruptOnSigint() {
  sigaction(SIGINT, &before_, nullptr);
  [[maybe_unused]] const ssize_t written = write(event_, &kStop, sizeof kStop);
  listener_.join();
  close(event_);
}

}  // namespace attune
