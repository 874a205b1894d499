// SPDX-License-Identifier: Apache-2.0
#include "formats/images/png_file.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

#include "png.h"

namespace attune {
namespace {

constexpr size_t kSignature = 8;
constexpr size_t kChunkFrame = 12;  // length, type, CRC
constexpr png_alloc_size_t kMaxChunkBytes = 8 << 20;

absl::Status Refuse(std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", message);
}

absl::Status Damaged(std::string_view why) {
  return Refuse(absl::StrCat("a damaged PNG: ", Printable(why, 200), ": save the image anew"));
}

int64_t BigEndian(std::string_view bytes) {
  return int64_t{png_get_uint_32(reinterpret_cast<png_const_bytep>(bytes.data()))};
}

// What libpng reads from and reports to.
struct Session {
  std::string_view rest;
  char message[200];
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* session = static_cast<Session*>(png_get_error_ptr(png));
  std::strncpy(session->message, message, sizeof(session->message) - 1);
  png_longjmp(png, 1);
}

void OnRead(png_structp png, png_bytep out, size_t size) {
  auto* session = static_cast<Session*>(png_get_io_ptr(png));
  if (session->rest.size() < size) png_error(png, "it ends too early");
  std::memcpy(out, session->rest.data(), size);
  session->rest.remove_prefix(size);
}

class Reader {
 public:
  explicit Reader(std::string_view file) : session_{file, {}} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session_, OnError, OnError);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Rows of three bytes a pixel.
  absl::Status Read(std::vector<png_bytep>* rows, size_t row_bytes) {
    if (info_ == nullptr) return absl::ResourceExhaustedError("no memory to read a PNG");
    return ReadAll(rows->data(), row_bytes) ? absl::OkStatus() : Damaged(session_.message);
  }

 private:
  // No object that has a destructor may live here. False: libpng gave up.
  bool ReadAll(png_bytepp rows, size_t row_bytes) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, &session_, OnRead);
    png_set_chunk_malloc_max(png_, kMaxChunkBytes);
    // All but what makes the pixels; tRNS needs to be named.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    constexpr png_byte kTransparency[] = "tRNS";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kTransparency, 1);
    png_read_info(png_, info_);
    png_set_strip_16(png_);
    png_set_palette_to_rgb(png_);
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "its rows have an odd length");
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  Session session_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

absl::StatusOr<ImageSize> ReadPngSize(std::string_view file) {
  constexpr size_t kHeader = 13;
  const std::string_view chunk = file.substr(std::min(kSignature, file.size()));
  if (chunk.size() < kChunkFrame + kHeader) return Damaged("it ends too early");
  if (chunk.substr(4, 4) != "IHDR") return Damaged("its first chunk is not IHDR");
  const ImageSize size{BigEndian(chunk.substr(8)), BigEndian(chunk.substr(12))};
  // acTL, which makes an animation, stands before the first IDAT.
  std::string_view rest = chunk;
  while (rest.size() >= kChunkFrame && rest.substr(4, 4) != "IDAT") {
    if (rest.substr(4, 4) == "acTL") {
      return Refuse("an animated PNG: save the frame that is meant as an image of its own");
    }
    const auto length = static_cast<size_t>(BigEndian(rest));
    if (length > rest.size() - kChunkFrame) return Damaged("it ends too early");
    rest.remove_prefix(kChunkFrame + length);
  }
  return size;
}

absl::StatusOr<Image> DecodePng(std::string_view file) {
  ATTUNE_ASSIGN_OR_RETURN(const ImageSize size, ReadPngSize(file));
  Image image{size.width, size.height, {}};
  const auto row_bytes = static_cast<size_t>(3 * size.width);
  image.rgb.resize(row_bytes * static_cast<size_t>(size.height));
  std::vector<png_bytep> rows(static_cast<size_t>(size.height));
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = image.rgb.data() + y * row_bytes;
  ATTUNE_RETURN_IF_ERROR(Reader(file).Read(&rows, row_bytes));
  return image;
}

}  // namespace attune
