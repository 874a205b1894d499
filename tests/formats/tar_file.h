// SPDX-License-Identifier: Apache-2.0
// Tar files as tests want them, right and wrong ones.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace attune {

class TarFile {
 public:
  static constexpr size_t kBlock = 512;

  // `name` has at most 100 bytes.
  TarFile& Add(std::string_view name, std::string_view bytes, char kind = '0') {
    bytes_ += Header(name, bytes.size(), kind);
    return Data(bytes);
  }
  // Of the member that is added next.
  TarFile& AddPax(std::string_view key, std::string_view value) {
    const std::string rest = " " + std::string(key) + "=" + std::string(value) + "\n";
    size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) ++length;
    return Add("PaxHeader", std::to_string(length) + rest, 'x');
  }
  TarFile& AddGnuLongName(std::string_view name) {
    return Add("././@LongLink", std::string(name) + std::string(1, '\0'), 'L');
  }
  TarFile& AddRaw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }

  std::string Unfinished() const { return bytes_; }
  std::string Finished() const { return bytes_ + std::string(2 * kBlock, '\0'); }

  static std::string Header(std::string_view name, size_t size, char kind,
                            std::string_view prefix = "") {
    std::string block(kBlock, '\0');
    block.replace(0, name.size(), name);
    block.replace(100, 7, "0000644");
    block.replace(124, 11, Octal(size, 11));
    block.replace(156, 1, 1, kind);
    block.replace(257, 8, std::string_view("ustar\00000", 8));
    block.replace(345, prefix.size(), prefix);
    return WithChecksum(block);
  }
  static std::string WithChecksum(std::string block) {
    block.replace(148, 8, 8, ' ');
    size_t sum = 0;
    for (const char byte : block) sum += static_cast<uint8_t>(byte);
    return block.replace(148, 7, Octal(sum, 6) + std::string(1, '\0'));
  }

 private:
  static std::string Octal(size_t value, int digits) {
    char text[32];
    std::snprintf(text, sizeof(text), "%0*zo", digits, value);
    return text;
  }
  TarFile& Data(std::string_view bytes) {
    bytes_ += bytes;
    bytes_.append((kBlock - bytes.size() % kBlock) % kBlock, '\0');
    return *this;
  }

  std::string bytes_;
};

}  // namespace attune
