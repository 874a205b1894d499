// SPDX-License-Identifier: Apache-2.0
#include "formats/files/tar_header.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace attune {
namespace {

struct Field {
  size_t offset, size;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kKind{156, 1}, kMagic{257, 8},
    kPrefix{345, 155};

std::string_view Bytes(std::string_view block, Field field) {
  return block.substr(field.offset, field.size);
}

std::string_view Text(std::string_view block, Field field) {
  const std::string_view bytes = Bytes(block, field);
  return bytes.substr(0, bytes.find('\0'));
}

// Octal digits between blanks and NULs.
std::optional<int64_t> Octal(std::string_view bytes) {
  constexpr std::string_view kBlank(" \0", 2);
  const size_t begin = std::min(bytes.find_first_not_of(kBlank), bytes.size());
  bytes.remove_prefix(begin);
  const std::string_view digits = bytes.substr(0, bytes.find_first_of(kBlank));
  if (bytes.find_first_not_of(kBlank, digits.size()) != std::string_view::npos) return std::nullopt;
  if (digits.empty()) return 0;
  int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, value, 8);
  if (parsed.ec != std::errc() || parsed.ptr != end || value < 0) return std::nullopt;
  return value;
}

// Octal, or GNU's big-endian number behind a first byte of 0x80.
std::optional<int64_t> Number(std::string_view bytes) {
  if (bytes.front() != '\x80') return Octal(bytes);
  int64_t value = 0;
  for (const char byte : bytes.substr(1)) {
    if (value > std::numeric_limits<int64_t>::max() >> 8) return std::nullopt;
    value = (value << 8) | static_cast<uint8_t>(byte);
  }
  return value;
}

// The sum of all bytes, those of the checksum itself as blanks.
int64_t Checksum(std::string_view block) {
  int64_t sum = int64_t{' '} * static_cast<int64_t>(kChecksum.size);
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    if (!own) sum += static_cast<uint8_t>(block[i]);
  }
  return sum;
}

}  // namespace

std::optional<TarHeader> ParseTarHeader(std::string_view block) {
  if (Octal(Bytes(block, kChecksum)) != Checksum(block)) return std::nullopt;
  const std::optional<int64_t> size = Number(Bytes(block, kSize));
  if (!size.has_value()) return std::nullopt;
  TarHeader header{std::string(Text(block, kName)), *size, Bytes(block, kKind).front()};
  // GNU's magic is another, and there the prefix holds other things.
  const bool ustar = Bytes(block, kMagic).substr(0, 6) == std::string_view("ustar\0", 6);
  const std::string_view prefix = Text(block, kPrefix);
  if (ustar && !prefix.empty()) header.name = std::string(prefix) + "/" + header.name;
  return header;
}

std::optional<std::map<std::string, std::string>> ParsePaxRecords(std::string_view text) {
  std::map<std::string, std::string> records;
  while (!text.empty()) {
    size_t length = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<size_t>(parsed.ptr - text.data());
    if (parsed.ec != std::errc() || length > text.size() || length < digits + 2 ||
        text[digits] != ' ' || text[length - 1] != '\n') {
      return std::nullopt;
    }
    const std::string_view record = text.substr(digits + 1, length - digits - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    records[std::string(record.substr(0, equals))] = record.substr(equals + 1);
    text.remove_prefix(length);
  }
  return records;
}

}  // namespace attune
