// SPDX-License-Identifier: Apache-2.0
// Shows abseil's synchronisation to ThreadSanitizer.
//
// Debian's abseil is built without the sanitizer, which therefore sees none of its locking and
// calls every guarded member a race. This file is linked into each binary of the tsan preset. The
// dynamic linker finds an executable's definitions before a library's, so ours stand in front of
// abseil's, for calls from abseil and gRPC as well; they call the original and tell the sanitizer
// what it orders. LockWhen and its kin are not covered: nothing here uses them.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// abseil's own definition of a member function that this file defines too: the next one of that
// name in the dynamic linker's order. The name is asked of the linker, so no mangling is spelt out.
void* NextDefinition(void* ours) {
  Dl_info info;
  void* next = nullptr;
  if (dladdr(ours, &info) != 0 && info.dli_sname != nullptr)
    next = dlsym(RTLD_NEXT, info.dli_sname);
  if (next == nullptr) {
    std::fputs("absl_tsan.cc: the definition behind ours was not found\n", stderr);
    std::abort();
  }
  return next;
}

// Calls it. A pointer to a member that is not virtual holds the function's address (Itanium C++
// ABI), and such a function takes the object as its first argument.
template <auto kMember, typename Object, typename... Arguments>
auto CallOriginal(Object* object, Arguments... arguments) {
  using Result = decltype((object->*kMember)(arguments...));
  static auto* const original = [] {
    auto member = kMember;
    void* address;
    std::memcpy(&address, &member, sizeof(address));
    return reinterpret_cast<Result (*)(Object*, Arguments...)>(NextDefinition(address));
  }();
  return original(object, arguments...);
}

// While abseil evaluates the conditions of those who wait, it holds the lock, but outside of what
// the sanitizer was told: these reads are no races.
class ConditionsAreGuarded {
 public:
  ConditionsAreGuarded() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~ConditionsAreGuarded() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  CallOriginal<&Mutex::Lock>(this);
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  const bool locked = CallOriginal<&Mutex::TryLock>(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::Unlock() {
  __tsan_release(this);
  ConditionsAreGuarded guarded;
  CallOriginal<&Mutex::Unlock>(this);
}

void Mutex::ReaderLock() {
  CallOriginal<&Mutex::ReaderLock>(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  __tsan_release(this);
  ConditionsAreGuarded guarded;
  CallOriginal<&Mutex::ReaderUnlock>(this);
}

// Behind Await, AwaitWithTimeout and AwaitWithDeadline.
bool Mutex::AwaitCommon(const Condition& condition,
                        synchronization_internal::KernelTimeout timeout) {
  __tsan_release(this);
  bool holds;
  {
    ConditionsAreGuarded guarded;
    holds = CallOriginal<&Mutex::AwaitCommon, Mutex, const Condition&>(this, condition, timeout);
  }
  __tsan_acquire(this);
  return holds;
}

// Behind Wait, WaitWithTimeout and WaitWithDeadline.
bool CondVar::WaitCommon(Mutex* mutex, synchronization_internal::KernelTimeout timeout) {
  __tsan_release(mutex);
  bool timed_out;
  {
    ConditionsAreGuarded guarded;
    timed_out = CallOriginal<&CondVar::WaitCommon>(this, mutex, timeout);
  }
  __tsan_acquire(mutex);
  return timed_out;
}

void Notification::Notify() {
  __tsan_release(this);
  CallOriginal<&Notification::Notify>(this);
}

void Notification::WaitForNotification() const {
  CallOriginal<&Notification::WaitForNotification>(this);
  __tsan_acquire(const_cast<Notification*>(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  const bool notified = CallOriginal<&Notification::WaitForNotificationWithTimeout>(this, timeout);
  if (notified) __tsan_acquire(const_cast<Notification*>(this));
  return notified;
}

bool BlockingCounter::DecrementCount() {
  __tsan_release(this);
  return CallOriginal<&BlockingCounter::DecrementCount>(this);
}

void BlockingCounter::Wait() {
  CallOriginal<&BlockingCounter::Wait>(this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
