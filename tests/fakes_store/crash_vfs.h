// SPDX-License-Identifier: Apache-2.0
// A SQLite VFS on a CrashDisk, with locks and shared memory, registered under a name while it
// lives. Its connections may be used from several threads. Close them before it goes.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/fakes_store/crash_disk.h"

namespace attune {

class CrashVfs {
 public:
  CrashVfs(std::string name, CrashDisk& disk, Rng& rng, const Clock& clock);
  ~CrashVfs();
  CrashVfs(const CrashVfs&) = delete;
  CrashVfs& operator=(const CrashVfs&) = delete;

  const std::string& name() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune
