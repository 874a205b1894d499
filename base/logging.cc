// SPDX-License-Identifier: Apache-2.0
// spdlog does the filtering, writing and rotation; the whole line is made here, since spdlog knows
// no fields.
#include "base/logging.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

struct Destination {
  std::string component;
  bool json = false;
  std::unique_ptr<spdlog::logger> logger;
};

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARN";
    case LogLevel::kError:
      break;
  }
  return "ERROR";
}

// Throws spdlog::spdlog_ex when the file cannot be opened.
std::shared_ptr<Destination> MakeDestination(std::string_view component,
                                             const LogOptions& options) {
  spdlog::sink_ptr sink;
  if (options.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        options.file, options.rotate_bytes, static_cast<size_t>(options.keep_files));
  }
  auto destination = std::make_shared<Destination>();
  destination->component = std::string(component);
  destination->json = options.json;
  destination->logger = std::make_unique<spdlog::logger>(destination->component, std::move(sink));
  destination->logger->set_pattern("%v");
  destination->logger->set_level(SpdlogLevel(options.level));
  destination->logger->flush_on(spdlog::level::debug);  // a crash loses no line
  return destination;
}

class Current {
 public:
  // Shared: a thread may be writing a line while another replaces the destination.
  std::shared_ptr<Destination> Get() {
    absl::MutexLock lock(&mutex_);
    if (destination_ == nullptr) destination_ = MakeDestination("attune", {});
    return destination_;
  }
  void Set(std::shared_ptr<Destination> destination) {
    absl::MutexLock lock(&mutex_);
    destination_ = std::move(destination);
  }

 private:
  absl::Mutex mutex_;
  std::shared_ptr<Destination> destination_ ABSL_GUARDED_BY(mutex_);
};

Current& CurrentDestination() {
  static Current& current = *new Current;  // never destroyed: statics' destructors may log
  return current;
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (const unsigned char c : value) {
    if (c <= ' ' || c == 0x7f || c == '"' || c == '\\' || c == '=') return true;
  }
  return false;
}

// One line whatever a text holds: control bytes are escaped, UTF-8 is kept.
std::string OneLine(std::string_view message) {
  std::string line;
  for (const char c : message) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppend(&line, absl::CEscape({&c, 1}));
    } else {
      line += c;
    }
  }
  return line;
}

std::string TextLine(const std::string& time, LogLevel level, const std::string& component,
                     std::string_view message, LogFields fields) {
  std::string name = LevelName(level);
  name.resize(5, ' ');
  std::string line = absl::StrCat(time, " ", name, " ", component, " ", OneLine(message));
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&line, " ", View(key), "=");
    if (NeedsQuotes(value)) {
      absl::StrAppend(&line, "\"", absl::Utf8SafeCEscape(value), "\"");
    } else {
      absl::StrAppend(&line, value);
    }
  }
  return line;
}

std::string JsonLine(const std::string& time, LogLevel level, const std::string& component,
                     std::string_view message, LogFields fields) {
  nlohmann::ordered_json line = {{"time", time},
                                 {"level", absl::AsciiStrToLower(LevelName(level))},
                                 {"component", component},
                                 {"message", std::string(message)}};
  for (const auto& [key, value] : fields) line.emplace(std::string(key), value);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

absl::Status InitLogging(std::string_view component, const LogOptions& options) {
  try {
    CurrentDestination().Set(MakeDestination(component, options));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("cannot log to a file: ", error.what()));
  }
  return absl::OkStatus();
}

void Log(LogLevel level, std::string_view message, LogFields fields) {
  const std::shared_ptr<Destination> destination = CurrentDestination().Get();
  if (!destination->logger->should_log(SpdlogLevel(level))) return;
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const std::string line = destination->json
                               ? JsonLine(time, level, destination->component, message, fields)
                               : TextLine(time, level, destination->component, message, fields);
  destination->logger->log(SpdlogLevel(level), spdlog::string_view_t(line));
}

}  // namespace attune
