// SPDX-License-Identifier: Apache-2.0
#include "formats/images/decode.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/files/file_kind.h"
#include "formats/images/jpeg_file.h"
#include "formats/images/png_file.h"

namespace attune {
namespace {

constexpr std::string_view kJpegMagic = "\xFF\xD8\xFF";
constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1A\n";

absl::Status Refuse(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", message);
}

bool StartsWith(std::string_view file, std::string_view magic) {
  return file.substr(0, magic.size()) == magic;
}

absl::Status NoImage(std::string_view file) {
  if (file.empty()) return Refuse("the image file is empty: save it anew as JPEG or PNG");
  const FileKind* kind = KindOfFile(file);
  return Refuse(
      absl::StrCat("expected a JPEG or PNG image, found ",
                   kind == nullptr ? "neither by its first bytes" : std::string(kind->what),
                   ": convert the image to PNG; a name's ending alone changes nothing"));
}

absl::Status CheckSize(const ImageSize& size) {
  if (size.width < 1 || size.height < 1) {
    return Refuse(absl::StrCat("the image has ", size.width, " × ", size.height,
                               " pixels: save one of at least 1 × 1"));
  }
  if (size.width <= kMaxImagePixels / size.height) return absl::OkStatus();
  return Refuse(absl::StrCat("the image has ", size.width, " × ", size.height, " pixels; at most ",
                             kMaxImagePixels, " in all are read: scale it down"));
}

}  // namespace

absl::StatusOr<ImageSize> ReadImageSize(std::string_view file) {
  if (static_cast<int64_t>(file.size()) > kMaxImageBytes) {
    return Refuse(absl::StrCat("the image file has ", file.size(), " bytes; at most ",
                               kMaxImageBytes, " are read: scale it down"));
  }
  ImageSize size;
  if (StartsWith(file, kJpegMagic)) {
    ATTUNE_ASSIGN_OR_RETURN(size, ReadJpegSize(file));
  } else if (StartsWith(file, kPngMagic)) {
    ATTUNE_ASSIGN_OR_RETURN(size, ReadPngSize(file));
  } else {
    return NoImage(file);
  }
  ATTUNE_RETURN_IF_ERROR(CheckSize(size));
  return size;
}

absl::StatusOr<Image> DecodeImage(std::string_view file) {
  ATTUNE_RETURN_IF_ERROR(ReadImageSize(file).status());
  return StartsWith(file, kJpegMagic) ? DecodeJpeg(file) : DecodePng(file);
}

}  // namespace attune
