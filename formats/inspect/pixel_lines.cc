// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/pixel_lines.h"

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/images/decode.h"
#include "formats/images/image_transform.h"
#include "formats/json/strict_json.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

bool IsNumber(const Json& line, const char* key) {
  return line.contains(key) && line[key].is_number();
}

bool IsBox(const Json& line) {
  if (!line.contains("box") || !line["box"].is_array() || line["box"].size() != 4) return false;
  for (const Json& side : line["box"]) {
    if (!side.is_number()) return false;
  }
  return true;
}

// Whether the line says something that can be done.
bool IsSound(const Json& line) {
  if (!line.is_object() || !line.contains("file") || !line["file"].is_string()) return false;
  if (line.size() == 1) return true;
  const bool resized = IsNumber(line, "width") && IsNumber(line, "height") && IsBox(line);
  const bool fitted = IsNumber(line, "size") && IsNumber(line, "crop_share");
  return line.contains("filter") && line["filter"].is_string() && (resized || fitted);
}

Image Changed(const Image& image, const Json& line) {
  if (line.size() == 1) return image;
  const ResizeFilter filter =
      line["filter"] == "bilinear" ? ResizeFilter::kBilinear : ResizeFilter::kBicubic;
  if (line.contains("box")) {
    const Json& box = line["box"];
    return Resize(image, {box[0], box[1], box[2], box[3]}, line["width"], line["height"], filter);
  }
  ImageTransform transform;
  transform.size = line["size"];
  transform.crop_share = line["crop_share"];
  transform.filter = filter;
  return Fit(image, transform);
}

Json PixelsJson(const Image& image) {
  const absl::string_view bytes(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size());
  return {{"width", image.width}, {"height", image.height}, {"rgb", absl::Base64Escape(bytes)}};
}

}  // namespace

absl::Status WritePixelLines(std::istream& in, std::ostream& out) {
  std::string text;
  for (int64_t number = 1; std::getline(in, text); ++number) {
    ATTUNE_ASSIGN_OR_RETURN(const Json line, ParseJsonFile(text, "stdin"));
    if (!IsSound(line)) {
      return absl::InvalidArgumentError(
          absl::StrCat("stdin:", number, ": expected {\"file\": PATH} and what to make of it"));
    }
    ATTUNE_ASSIGN_OR_RETURN(const RegularFile file, RegularFile::Open(line["file"]));
    ATTUNE_ASSIGN_OR_RETURN(const std::string bytes, file.ReadAll(kMaxImageBytes));
    const absl::StatusOr<Image> image = DecodeImage(bytes);
    const Json answer = image.ok() ? PixelsJson(Changed(*image, line))
                                   : Json{{"error", std::string(image.status().message())}};
    out << answer.dump() << "\n";
  }
  return absl::OkStatus();
}

}  // namespace attune
