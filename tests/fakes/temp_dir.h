// SPDX-License-Identifier: Apache-2.0
// A folder of the test's own, removed with all it holds.
#pragma once

#include <cstdlib>
#include <string>

#include "base/file_system.h"

namespace attune {

class TempDir {
 public:
  TempDir() {
    const char* root = std::getenv("TMPDIR");
    path_ = JoinPath(root != nullptr ? root : "/tmp", "attune-test-XXXXXX");
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TempDir() { PosixFileSystem().RemoveTree(path_).IgnoreError(); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(std::string_view name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

}  // namespace attune
