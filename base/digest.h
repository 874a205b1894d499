// SPDX-License-Identifier: Apache-2.0
// SHA-256, incremental. Not thread-safe; one object a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace attune {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void Update(std::string_view data);
  std::string HexDigest();  // 64 lower-case hex digits; call once, last

  static std::string Hex(std::string_view data);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct FileDigest {
  std::string sha256;
  int64_t size_bytes = 0;
};
absl::StatusOr<FileDigest> DigestFile(File& file);
absl::StatusOr<FileDigest> DigestFile(FileSystem& files, const std::string& path);

bool IsSha256Hex(std::string_view text);
bool ConstantTimeEquals(std::string_view a, std::string_view b);

}  // namespace attune
