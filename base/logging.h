// SPDX-License-Identifier: Apache-2.0
// One structured line per event on spdlog: time, level, component, message, key=value pairs (or one
// JSON object a line). Thread-safe. No content of a dataset row ever goes in.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace attune {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool json = false;
  std::string file;  // empty: stderr; else a rotating file
  size_t rotate_bytes = 16 << 20;
  int keep_files = 3;
};

// Once, at the start of main.
absl::Status InitLogging(std::string_view component, const LogOptions& options);

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;
void Log(LogLevel level, std::string_view message, LogFields fields = {});

inline void LogInfo(std::string_view m, LogFields f = {}) { Log(LogLevel::kInfo, m, f); }
inline void LogWarning(std::string_view m, LogFields f = {}) { Log(LogLevel::kWarning, m, f); }
inline void LogError(std::string_view m, LogFields f = {}) { Log(LogLevel::kError, m, f); }

// A small integer or text as a field value: {"step", Str(42)}.
template <typename T>
std::string Str(const T& value) {
  return absl::StrCat(value);
}

}  // namespace attune
