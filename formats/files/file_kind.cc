// SPDX-License-Identifier: Apache-2.0
#include "formats/files/file_kind.h"

namespace attune {
namespace {

using Family = FileKind::Family;

// None of two plain letters: a text may begin with any of those.
constexpr FileKind kKinds[] = {
    {"\x1F\x8B", "a gzip archive", Family::kArchive},
    {"PK\x03\x04", "a zip archive", Family::kArchive},
    {"\x28\xB5\x2F\xFD", "a zstd archive", Family::kArchive},
    {"BZh", "a bzip2 archive", Family::kArchive},
    {"\xFD\x37\x7A\x58\x5A", "an xz archive", Family::kArchive},
    {"PAR1", "a Parquet file", Family::kTable},
    {"\xFF\xFE", "UTF-16 text", Family::kWideText},
    {"\xFE\xFF", "UTF-16 text", Family::kWideText},
    {"\xFF\xD8\xFF", "a JPEG image", Family::kImage},
    {"\x89PNG\r\n\x1A\n", "a PNG image", Family::kImage},
    {"GIF87a", "a GIF image", Family::kImage},
    {"GIF89a", "a GIF image", Family::kImage},
    {"WEBP", "a WebP image", Family::kImage, 8},
    {"ftypheic", "an HEIC image", Family::kImage, 4},
    {"ftypavif", "an AVIF image", Family::kImage, 4},
    {"DICM", "a DICOM image", Family::kImage, 128},
    {std::string_view("II*\0", 4), "a TIFF image", Family::kImage},
    {std::string_view("MM\0*", 4), "a TIFF image", Family::kImage},
    {std::string_view("\0\0\0\x0CjP  ", 8), "a JPEG 2000 image", Family::kImage},
    {"%PDF-", "a PDF document", Family::kDocument},
    {"<svg", "an SVG drawing", Family::kDocument},
    {"<?xml", "an XML document", Family::kDocument},
    {"<!DOCTYPE", "an HTML document", Family::kDocument},
    {"<html", "an HTML document", Family::kDocument},
};

}  // namespace

const FileKind* KindOfFile(std::string_view beginning) {
  for (const FileKind& kind : kKinds) {
    const bool long_enough = beginning.size() >= kind.offset + kind.magic.size();
    if (long_enough && beginning.substr(kind.offset, kind.magic.size()) == kind.magic) return &kind;
  }
  return nullptr;
}

}  // namespace attune
