// SPDX-License-Identifier: Apache-2.0
// Whatever happens to the bytes of a weights file, opening it ends, and what opens can be read.
#include <random>

#include "formats/weights/safetensors.h"
#include "gtest/gtest.h"
#include "tests/formats/temp_folder.h"
#include "tests/formats/tiny_model.h"
#include "tests/formats/tiny_translation.h"

namespace attune {
namespace {

TEST(DamagedWeights, NeverBreakTheReader) {
  TempFolder folder;
  std::vector<TinyTensor> tensors = TinyTensors();
  tensors.resize(5);
  WriteTensors(folder.Path("good"), tensors);
  const std::string good = folder.Read("good");
  const size_t header_end = 8 + static_cast<uint8_t>(good[0]) + 256 * static_cast<uint8_t>(good[1]);
  std::mt19937 random(5);
  int opened = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = good;
    const size_t end = random() % 4 == 0 ? bytes.size() : header_end;
    for (size_t flips = random() % 3 + 1; flips > 0; --flips) {
      bytes[random() % end] ^= 1 << random() % 8;
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    auto file = SafetensorsFile::Open(*RegularFile::Open(folder.Write("bad", bytes)), "bad");
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
      ++refused;
      continue;
    }
    ++opened;
    for (const TensorInfo& tensor : file->tensors()) {
      std::vector<char> raw(static_cast<size_t>(tensor.bytes));
      EXPECT_TRUE(file->Read(tensor, absl::MakeSpan(raw)).ok());
    }
  }
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 1000);
}

TEST(DamagedWeights, NeverBreakTheReaderOfMariansFiles) {
  TempFolder folder;
  std::vector<TinyMarianTensor> tensors = TinyMarianTensors(MarianType::kIntgemm8);
  tensors.resize(5);
  WriteTinyMarian(folder.Path("good"), tensors);
  const std::string good = folder.Read("good");
  std::mt19937 random(5);
  int opened = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = good;
    for (size_t flips = random() % 3 + 1; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= 1 << random() % 8;
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    auto file = MarianFile::Open(*RegularFile::Open(folder.Write("bad", bytes)), "bad");
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
      ++refused;
      continue;
    }
    ++opened;
    for (const MarianTensor& tensor : file->tensors()) {
      std::vector<float> values(static_cast<size_t>(tensor.elements()));
      const absl::Status read = file->ReadFloats(tensor, absl::MakeSpan(values));
      EXPECT_TRUE(read.ok() || absl::IsInvalidArgument(read)) << read;
    }
  }
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace attune
