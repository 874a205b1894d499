// SPDX-License-Identifier: Apache-2.0
//
// The file is a sequence of TFRecords: the length as uint64, its masked CRC-32C, the data, its
// masked CRC-32C, all little-endian. Each holds an Event of tensorflow/core/util/event.proto; the
// few fields that are used are encoded here, as no protobuf may be linked with libtorch.
#include "worker/trainer/loop/tensorboard_events.h"

#include <array>
#include <bit>
#include <cstdint>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::json;

// CRC-32C (Castagnoli), reflected.
uint32_t Crc32c(std::string_view data) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < entries.size(); ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
      entries[i] = crc;
    }
    return entries;
  }();
  uint32_t crc = ~0u;
  for (const char c : data) crc = table[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

template <typename Unsigned>
std::string Fixed(Unsigned value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    bytes.push_back(static_cast<char>(static_cast<uint8_t>(value >> (8 * i))));
  }
  return bytes;
}

std::string MaskedCrc(std::string_view data) {
  const uint32_t crc = Crc32c(data);
  return Fixed(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
}

std::string Record(const std::string& data) {
  const std::string length = Fixed(static_cast<uint64_t>(data.size()));
  return length + MaskedCrc(length) + data + MaskedCrc(data);
}

// ---- protobuf's wire format ----

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string Tag(uint32_t field, WireType type) { return Varint(field << 3 | type); }

std::string BytesField(uint32_t field, const std::string& bytes) {
  return Tag(field, kBytes) + Varint(bytes.size()) + bytes;
}

// Event{wall_time = step, step} and one more field.
std::string Event(int64_t step, const std::string& content) {
  return Tag(1, kFixed64) + Fixed(std::bit_cast<uint64_t>(static_cast<double>(step))) +
         Tag(2, kVarint) + Varint(static_cast<uint64_t>(step)) + content;
}

std::string ScalarsEvent(int64_t step, const std::map<std::string, double>& scalars) {
  std::string summary;
  for (const auto& [name, value] : scalars) {
    summary += BytesField(1, BytesField(1, name) + Tag(2, kFixed32) +
                                 Fixed(std::bit_cast<uint32_t>(static_cast<float>(value))));
  }
  return Event(step, BytesField(5, summary));
}

// What one line of metrics.jsonl says; throws nlohmann's exceptions where it says none.
std::map<std::string, double> ScalarsOf(const Json& line) {
  if (line.at("type").get<std::string>() == "step") {
    return {{"train/loss", line.at("loss").get<double>()},
            {"train/learning_rate", line.at("learning_rate").get<double>()},
            {"train/grad_norm", line.at("grad_norm").get<double>()}};
  }
  std::map<std::string, double> scalars;
  const std::string split = absl::AsciiStrToLower(line.at("split").get<std::string>());
  for (const auto& [name, value] : line.at("metrics").items()) {
    scalars[absl::StrCat(split, "/", name)] = value.get<double>();
  }
  return scalars;
}

}  // namespace

absl::StatusOr<std::string> TensorBoardEvents(std::string_view metrics_jsonl) {
  std::string file = Record(Event(0, BytesField(3, "brain.Event:2")));
  int64_t number = 0;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(metrics_jsonl.data(), metrics_jsonl.size()), '\n')) {
    ++number;
    if (line.empty()) continue;
    try {
      const Json json = Json::parse(line.begin(), line.end());
      file += Record(ScalarsEvent(json.at("step").get<int64_t>(), ScalarsOf(json)));
    } catch (const Json::exception& error) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " of metrics.jsonl is not one of it: ", error.what()));
    }
  }
  return file;
}

}  // namespace attune
