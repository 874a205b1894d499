// SPDX-License-Identifier: Apache-2.0
#include "client/aligned_lines.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

constexpr size_t kMaxLineBytes = 1 << 20;
constexpr size_t kChunkBytes = 64 << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsBlank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

absl::Status BadLine(const std::string& path, int64_t line, std::string_view what,
                     std::string_view remedy) {
  return ClientError(ClientReason::kLocalInput,
                     absl::StrCat(path, ":", line, ": ", std::string(what)), remedy);
}

// In quotes; nothing for what is no UTF-8.
std::optional<std::string> JsonString(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return std::nullopt;
  }
}

std::string LinesText(int64_t lines) {
  return absl::StrCat(lines, lines == 1 ? " line" : " lines");
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlignedLines>> AlignedLines::Make(FileSystem& files,
                                                                 const std::string& source,
                                                                 const std::string& target) {
  std::unique_ptr<AlignedLines> aligned(new AlignedLines);
  for (const auto& [side, path] :
       {std::pair(&aligned->sides_[0], source), std::pair(&aligned->sides_[1], target)}) {
    side->path = path;
    auto file = files.Open(path, FileSystem::Mode::kRead);
    if (!file.ok()) return LocalFileError(file.status(), path);
    side->file = *std::move(file);
  }
  aligned->Rewind();
  ATTUNE_RETURN_IF_ERROR(aligned->MakeRow());
  return aligned;
}

void AlignedLines::Rewind() {
  for (Side& side : sides_) {
    side.offset = 0;
    side.lines = 0;
    side.ended = false;
    side.chunk.clear();
    side.taken = 0;
  }
  row_.clear();
  row_begin_ = first_odd_ = 0;
}

absl::StatusOr<bool> AlignedLines::Next(Side& side) {
  size_t newline = side.chunk.find('\n', side.taken);
  while (newline == std::string::npos && !side.ended) {
    ATTUNE_RETURN_IF_ERROR(ReadMore(side));
    newline = side.chunk.find('\n', side.taken);
  }
  if (newline == std::string::npos && side.taken == side.chunk.size()) return false;
  const size_t end = std::min(newline, side.chunk.size());
  side.line = side.chunk.substr(side.taken, end - side.taken);
  side.taken = std::min(end + 1, side.chunk.size());
  if (!side.line.empty() && side.line.back() == '\r') side.line.pop_back();
  if (side.lines++ == 0 && side.line.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0) {
    side.line.erase(0, kByteOrderMark.size());
  }
  return true;
}

// Behind what was not taken yet, which is a part of one line.
absl::Status AlignedLines::ReadMore(Side& side) {
  side.chunk.erase(0, std::exchange(side.taken, 0));
  const size_t before = side.chunk.size();
  if (before > kMaxLineBytes) {
    return BadLine(side.path, side.lines + 1, "the line is longer than 1 MiB",
                   "split it, or see whether this is a text with a sentence a line");
  }
  side.chunk.resize(before + kChunkBytes);
  const auto got = side.file->ReadAt(side.offset, side.chunk.data() + before, kChunkBytes);
  side.chunk.resize(before + got.value_or(0));
  if (!got.ok()) return LocalFileError(got.status(), side.path);
  side.offset += static_cast<int64_t>(*got);
  side.ended = *got == 0;
  return absl::OkStatus();
}

absl::Status AlignedLines::MakeRow() {
  auto& [source, target] = sides_;
  row_begin_ += static_cast<int64_t>(row_.size());
  row_.clear();
  ATTUNE_ASSIGN_OR_RETURN(const bool in_source, Next(source));
  ATTUNE_ASSIGN_OR_RETURN(const bool in_target, Next(target));
  if (in_source != in_target) return Unequal();
  if (!in_source) return absl::OkStatus();
  const bool blank = IsBlank(source.line);
  if (blank != IsBlank(target.line) && first_odd_ == 0) first_odd_ = source.lines;
  if (blank && IsBlank(target.line)) {
    row_.push_back('\n');
    return absl::OkStatus();
  }
  const auto source_text = JsonString(source.line), target_text = JsonString(target.line);
  if (!source_text || !target_text) {
    const Side& bad = source_text ? target : source;
    return BadLine(bad.path, bad.lines, "the line is not UTF-8", "save the file as UTF-8");
  }
  row_ = absl::StrCat("{\"source\": ", *source_text, ", \"target\": ", *target_text, "}\n");
  return absl::OkStatus();
}

// One side has ended before the other.
absl::Status AlignedLines::Unequal() {
  const int64_t common = std::min(sides_[0].lines, sides_[1].lines);
  for (Side& side : sides_) {
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = Next(side);
    if (!more.ok()) return more.status();
  }
  const auto& [source, target] = sides_;
  const std::string odd =
      first_odd_ > 0
          ? absl::StrCat("line ", first_odd_, " is the first that is empty in one of them")
          : absl::StrCat("line ", common + 1, " is the first without a counterpart");
  return ClientError(ClientReason::kLocalInput,
                     absl::StrCat(source.path, " has ", LinesText(source.lines), " and ",
                                  target.path, " ", LinesText(target.lines), "; ", odd),
                     "make line N of one the translation of line N of the other");
}

absl::StatusOr<size_t> AlignedLines::ReadAt(int64_t offset, char* buffer, size_t size) {
  if (offset < row_begin_) {
    Rewind();
    ATTUNE_RETURN_IF_ERROR(MakeRow());
  }
  size_t done = 0;
  while (done < size && !row_.empty()) {
    const int64_t at = offset + static_cast<int64_t>(done) - row_begin_;
    const auto length = static_cast<int64_t>(row_.size());
    if (at >= length) {
      ATTUNE_RETURN_IF_ERROR(MakeRow());
      continue;
    }
    const size_t part = std::min(size - done, static_cast<size_t>(length - at));
    std::memcpy(buffer + done, row_.data() + at, part);
    done += part;
  }
  return done;
}

absl::StatusOr<int64_t> AlignedLines::Size() {
  return absl::UnimplementedError("known when all of it was read");
}

absl::Status AlignedLines::Append(std::string_view) {
  return absl::UnimplementedError("lines that are put together while they are read");
}

}  // namespace attune
