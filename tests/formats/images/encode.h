// SPDX-License-Identifier: Apache-2.0
// Pictures as files, by the libraries' own writers.
#pragma once

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "formats/images/image.h"
#include "jpeglib.h"
#include "png.h"

namespace attune {

// A slope in each colour, with an edge across: no two pixels are alike, and nothing is symmetric.
inline Image Slope(int64_t width, int64_t height) {
  Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      image.rgb.push_back(static_cast<uint8_t>(255 * x / width));
      image.rgb.push_back(static_cast<uint8_t>(255 * y / height));
      image.rgb.push_back(3 * x > 2 * y ? 240 : 10);
    }
  }
  return image;
}

struct JpegOptions {
  J_COLOR_SPACE colors = JCS_YCbCr;  // of the file
  bool progressive = false;
  bool scan_per_coefficient = false;  // 190 scans
};

inline std::vector<jpeg_scan_info> ScanPerCoefficient() {
  std::vector<jpeg_scan_info> scans = {{3, {0, 1, 2}, 0, 0, 0, 0}};
  for (int component = 0; component < 3; ++component) {
    for (int k = 1; k < 64; ++k) scans.push_back({1, {component}, k, k, 0, 0});
  }
  return scans;
}

inline std::string EncodeJpeg(const Image& image, const JpegOptions& options = {}) {
  jpeg_compress_struct state = {};
  jpeg_error_mgr errors = {};
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &bytes, &size);
  state.image_width = static_cast<JDIMENSION>(image.width);
  state.image_height = static_cast<JDIMENSION>(image.height);
  const bool cmyk = options.colors == JCS_CMYK;
  state.input_components = cmyk ? 4 : 3;
  state.in_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&state);
  jpeg_set_colorspace(&state, options.colors);
  jpeg_set_quality(&state, 90, TRUE);
  const std::vector<jpeg_scan_info> scans = ScanPerCoefficient();
  if (options.progressive) jpeg_simple_progression(&state);
  if (options.scan_per_coefficient) {
    state.scan_info = scans.data();
    state.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&state, TRUE);
  std::vector<uint8_t> row(static_cast<size_t>(4 * image.width));
  while (state.next_scanline < state.image_height) {
    for (int64_t i = 0; i < 3 * image.width; ++i) {
      row[static_cast<size_t>(i)] =
          image.rgb[static_cast<size_t>(3 * image.width * state.next_scanline + i)];
    }
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&state, &pointer, 1);
  }
  jpeg_finish_compress(&state);
  const std::string file(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&state);
  std::free(bytes);
  return file;
}

struct PngOptions {
  int color_type = PNG_COLOR_TYPE_RGB, bit_depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette;
  std::vector<png_byte> transparency;  // of the palette
  std::string chunk_name, chunk_data;  // one more, before the pixels
};

inline void AppendToString(png_structp png, png_bytep bytes, size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))
      ->append(reinterpret_cast<const char*>(bytes), size);
}

// `samples` are the rows as PNG packs them.
inline std::string EncodePng(int64_t width, int64_t height, std::vector<uint8_t> samples,
                             const PngOptions& options = {}) {
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, AppendToString, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               options.bit_depth, options.color_type,
               options.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!options.palette.empty()) {
    png_set_PLTE(png, info, options.palette.data(), static_cast<int>(options.palette.size()));
  }
  if (!options.transparency.empty()) {
    png_set_tRNS(png, info, options.transparency.data(),
                 static_cast<int>(options.transparency.size()), nullptr);
  }
  png_write_info(png, info);
  if (!options.chunk_name.empty()) {
    png_write_chunk(png, reinterpret_cast<png_const_bytep>(options.chunk_name.data()),
                    reinterpret_cast<png_const_bytep>(options.chunk_data.data()),
                    options.chunk_data.size());
  }
  std::vector<png_bytep> rows;
  const size_t row_bytes = png_get_rowbytes(png, info);
  for (int64_t y = 0; y < height; ++y) {
    rows.push_back(samples.data() + static_cast<size_t>(y) * row_bytes);
  }
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

inline std::string EncodePng(const Image& image) {
  return EncodePng(image.width, image.height, image.rgb);
}

}  // namespace attune
