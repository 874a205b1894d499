// SPDX-License-Identifier: Apache-2.0
// Reads the file back by the formats' definitions: TFRecord, and the wire format of protobuf.
#include "worker/trainer/loop/tensorboard_events.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::Pair;

// Bit by bit, from the polynomial x³²+x²⁸+x²⁷+…: not the table of the writer.
uint32_t MaskedCrc32c(std::string_view data) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
  }
  crc = ~crc;
  return std::rotr(crc, 15) + 0xA282EAD8u;
}

template <typename T>
T Take(std::string_view& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

std::vector<std::string> RecordsOf(std::string_view file) {
  std::vector<std::string> records;
  while (!file.empty()) {
    const std::string_view header = file.substr(0, 8);
    const auto size = Take<uint64_t>(file);
    EXPECT_EQ(Take<uint32_t>(file), MaskedCrc32c(header));
    records.emplace_back(file.substr(0, size));
    file.remove_prefix(size);
    EXPECT_EQ(Take<uint32_t>(file), MaskedCrc32c(records.back()));
  }
  return records;
}

uint64_t TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = Take<uint8_t>(bytes);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

// Field number → its values, as bytes.
std::multimap<uint32_t, std::string> FieldsOf(std::string_view message) {
  std::multimap<uint32_t, std::string> fields;
  while (!message.empty()) {
    const uint64_t tag = TakeVarint(message);
    size_t size = tag % 8 == 1 ? 8 : 4;
    if (tag % 8 == 2) size = TakeVarint(message);
    if (tag % 8 == 0) {
      fields.emplace(tag / 8, std::to_string(TakeVarint(message)));
      continue;
    }
    fields.emplace(tag / 8, message.substr(0, size));
    message.remove_prefix(size);
  }
  return fields;
}

struct Event {
  double wall_time = 0;
  std::string step;
  std::map<std::string, float> scalars;
};

Event EventOf(const std::string& record) {
  const auto fields = FieldsOf(record);
  Event event;
  std::string_view time = fields.find(1)->second;
  event.wall_time = Take<double>(time);
  event.step = fields.find(2)->second;
  if (!fields.contains(5)) return event;
  for (const auto& [number, value] : FieldsOf(fields.find(5)->second)) {
    const auto of_value = FieldsOf(value);
    std::string_view scalar = of_value.find(2)->second;
    event.scalars[of_value.find(1)->second] = Take<float>(scalar);
  }
  return event;
}

constexpr char kMetrics[] =
    R"({"type":"step","step":1,"epoch":0.5,"loss":0.75,"grad_norm":2.5,"learning_rate":1e-3})"
    "\n"
    R"({"type":"evaluation","split":"TEST_BASE","step":300,"metrics":{"auc":0.5,"f1":1}})"
    "\n";

TEST(TensorBoardEvents, BeginWithTheVersionOfTheFormat) {
  const std::string file = *TensorBoardEvents("");
  const auto records = RecordsOf(file);
  ASSERT_EQ(records.size(), 1);
  EXPECT_EQ(FieldsOf(records[0]).find(3)->second, "brain.Event:2");
}

TEST(TensorBoardEvents, HoldTheScalarsOfStepsAndEvaluations) {
  const auto records = RecordsOf(*TensorBoardEvents(kMetrics));
  ASSERT_EQ(records.size(), 3);
  const Event step = EventOf(records[1]), evaluation = EventOf(records[2]);
  EXPECT_EQ(step.step, "1");
  EXPECT_EQ(evaluation.step, "300");
  EXPECT_EQ(evaluation.wall_time, 300);
  EXPECT_THAT(step.scalars,
              ElementsAre(Pair("train/grad_norm", 2.5f),
                          Pair("train/learning_rate", FloatEq(1e-3f)), Pair("train/loss", 0.75f)));
  EXPECT_THAT(evaluation.scalars,
              ElementsAre(Pair("test_base/auc", 0.5f), Pair("test_base/f1", 1.0f)));
}

TEST(TensorBoardEvents, NamesALineThatIsNoMetric) {
  const absl::Status status = TensorBoardEvents("\n{\"type\":\"step\"}\n").status();
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("line 2"));
}

}  // namespace
}  // namespace attune
