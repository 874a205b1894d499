// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "base/rng.h"
#include "formats/weights/marian_file.h"
#include "formats/weights/marian_layout.h"

namespace attune {
namespace {

constexpr double kLargestCode = 127;
constexpr uint64_t kRoundingSeed = 1;

void AppendU64(uint64_t value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendEntry(const MarianTensor& tensor, int64_t data_bytes, std::string* out) {
  AppendU64(tensor.name.size() + 1, out);
  AppendU64(static_cast<uint64_t>(tensor.type), out);
  AppendU64(tensor.shape.size(), out);
  AppendU64(static_cast<uint64_t>(data_bytes), out);
}

std::string HeaderOf(const std::vector<const MarianTensor*>& tensors) {
  std::string header;
  AppendU64(kMarianVersion, &header);
  AppendU64(tensors.size(), &header);
  for (const MarianTensor* tensor : tensors) {
    const int64_t bytes = MarianDataBytes(*tensor);
    const bool text = tensor->type == MarianType::kInt8;  // the last one
    AppendEntry(*tensor, text ? bytes : AlignedMarianBytes(bytes), &header);
  }
  for (const MarianTensor* tensor : tensors) header.append(tensor->name).push_back('\0');
  for (const MarianTensor* tensor : tensors) {
    for (const int64_t size : tensor->shape) {
      const auto narrow = static_cast<int32_t>(size);
      header.append(reinterpret_cast<const char*>(&narrow), sizeof(narrow));
    }
  }
  const auto end = static_cast<int64_t>(header.size() + sizeof(uint64_t));
  const int64_t padding = AlignedMarianBytes(end) - end;
  AppendU64(static_cast<uint64_t>(padding), &header);
  header.append(static_cast<size_t>(padding), '\0');
  return header;
}

// To the code above or below by chance, the nearer one the likelier; a value that is a code stays.
int8_t Rounded(float scaled, Rng& rng) {
  // A value of a code is off by less than this after its way through the scale.
  constexpr double kExact = 1e-3;
  const double dither = kExact + (1 - 2 * kExact) * rng.Uniform();
  const double code = std::floor(static_cast<double>(scaled) + dither);
  return static_cast<int8_t>(std::clamp(code, -kLargestCode, kLargestCode));
}

std::string DataOf(const MarianTensorToWrite& item, Rng& rng) {
  std::string data;
  if (item.tensor.type == MarianType::kFloat32) {
    data.assign(reinterpret_cast<const char*>(item.values.data()),
                item.values.size() * sizeof(float));
  } else {
    float largest = 0;
    for (const float value : item.values) largest = std::max(largest, std::abs(value));
    const float scale = largest > 0 ? static_cast<float>(kLargestCode) / largest : 1;
    for (const float value : item.values) {
      data.push_back(static_cast<char>(Rounded(value * scale, rng)));
    }
    data.append(reinterpret_cast<const char*>(&scale), sizeof(scale));
  }
  data.resize(static_cast<size_t>(AlignedMarianBytes(static_cast<int64_t>(data.size()))), '\0');
  return data;
}

}  // namespace

absl::Status WriteMarianFile(const std::string& path, std::string_view settings,
                             absl::Span<const MarianTensorToWrite> tensors) {
  std::vector<const MarianTensor*> all;
  for (const MarianTensorToWrite& item : tensors) {
    if (item.tensor.elements() != static_cast<int64_t>(item.values.size())) {
      return absl::InternalError(
          absl::StrCat("tensor '", item.tensor.name, "' has ", item.values.size(), " values"));
    }
    all.push_back(&item.tensor);
  }
  const std::string text = absl::StrCat(std::string(settings), std::string(1, '\0'));
  const MarianTensor last{
      kMarianSettings, MarianType::kInt8, {static_cast<int64_t>(text.size())}, 0};
  all.push_back(&last);
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          PosixFileSystem().Open(path, FileSystem::Mode::kTruncate));
  ATTUNE_RETURN_IF_ERROR(file->Append(HeaderOf(all)));
  SeededRng rng(kRoundingSeed);
  for (const MarianTensorToWrite& item : tensors) {
    ATTUNE_RETURN_IF_ERROR(file->Append(DataOf(item, rng)));
  }
  ATTUNE_RETURN_IF_ERROR(file->Append(text));
  return file->Sync();
}

}  // namespace attune
