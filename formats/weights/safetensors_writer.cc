// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "formats/json/strict_json.h"
#include "formats/weights/safetensors.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

absl::Status CheckTensor(const TensorToWrite& tensor) {
  int64_t bytes = DTypeBytes(tensor.dtype);
  bool fits = true;
  for (const int64_t size : tensor.shape) {
    fits = fits && size >= 0 && !__builtin_mul_overflow(bytes, size, &bytes);
  }
  if (fits && bytes == static_cast<int64_t>(tensor.data.size())) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("tensor '", tensor.name, "' of shape ",
                                          ShapeText(tensor.shape), " has ", tensor.data.size(),
                                          " bytes of data"));
}

absl::StatusOr<std::string> HeaderOf(
    absl::Span<const TensorToWrite> tensors,
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  Json header = Json::object();
  auto& entries = *header.get_ptr<Json::object_t*>();
  if (!metadata.empty()) {
    Json values = Json::object();
    for (const auto& [key, value] : metadata) values[key] = value;
    entries.emplace_back("__metadata__", std::move(values));
  }
  std::set<std::string_view> names;
  int64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    ATTUNE_RETURN_IF_ERROR(CheckTensor(tensor));
    if (!names.insert(tensor.name).second) {
      return absl::InternalError(absl::StrCat("two tensors are named '", tensor.name, "'"));
    }
    const int64_t end = offset + static_cast<int64_t>(tensor.data.size());
    entries.emplace_back(tensor.name, Json{{"dtype", std::string(DTypeName(tensor.dtype))},
                                           {"shape", tensor.shape},
                                           {"data_offsets", {offset, end}}});
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path, absl::Span<const TensorToWrite> tensors,
                              const std::vector<std::pair<std::string, std::string>>& metadata) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string header, HeaderOf(tensors, metadata));
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          PosixFileSystem().Open(path, FileSystem::Mode::kTruncate));
  const uint64_t length = header.size();
  ATTUNE_RETURN_IF_ERROR(
      file->Append(std::string_view(reinterpret_cast<const char*>(&length), sizeof(length))));
  ATTUNE_RETURN_IF_ERROR(file->Append(header));
  for (const TensorToWrite& tensor : tensors) {
    ATTUNE_RETURN_IF_ERROR(file->Append(std::string_view(tensor.data.data(), tensor.data.size())));
  }
  return file->Sync();
}

}  // namespace attune
