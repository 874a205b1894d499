// SPDX-License-Identifier: Apache-2.0
#include "formats/images/jpeg_file.h"

#include <csetjmp>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
// After <cstdio>, whose FILE it needs.
#include "jpeglib.h"

namespace attune {
namespace {

constexpr int kMaxScans = 100;
// What libjpeg may hold beside our pixels: the coefficients of a progressive image of the most
// pixels are 300 MB.
constexpr long kMaxWorkingBytes = 512L << 20;

// libjpeg reports through these; each ends the call that Decompressor::Guarded makes.
struct ErrorManager {
  jpeg_error_mgr base;  // first, so that the library's pointer is ours
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void GiveUp(j_common_ptr state) {
  auto* errors = reinterpret_cast<ErrorManager*>(state->err);
  state->err->format_message(state, errors->message);
  std::longjmp(errors->jump, 1);
}

// Below 0 are warnings, and above are traces.
void OnMessage(j_common_ptr state, int level) {
  if (level < 0) GiveUp(state);
}

void OnProgress(j_common_ptr state) {
  if (reinterpret_cast<j_decompress_ptr>(state)->input_scan_number <= kMaxScans) return;
  auto* errors = reinterpret_cast<ErrorManager*>(state->err);
  std::snprintf(errors->message, sizeof(errors->message), "it has more than %d scans", kMaxScans);
  std::longjmp(errors->jump, 1);
}

class Decompressor {
 public:
  Decompressor() {
    state_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = GiveUp;
    errors_.base.emit_message = OnMessage;
    progress_.progress_monitor = OnProgress;
    created_ = Guarded([this] {
      jpeg_create_decompress(&state_);
      state_.progress = &progress_;
      state_.mem->max_memory_to_use = kMaxWorkingBytes;
    });
  }
  ~Decompressor() { jpeg_destroy_decompress(&state_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  absl::StatusOr<ImageSize> ReadHeader(std::string_view file) {
    const bool read =
        created_ && Guarded([&] {
          jpeg_mem_src(&state_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
          jpeg_read_header(&state_, TRUE);
        });
    if (!read) return Damaged();
    if (state_.data_precision != 8) {
      return Refuse(absl::StrCat("a JPEG of ", state_.data_precision,
                                 " bits a sample; 8 are read: convert the image to 8-bit RGB"));
    }
    if (state_.jpeg_color_space == JCS_CMYK || state_.jpeg_color_space == JCS_YCCK) {
      return Refuse("a JPEG in CMYK colours, made for print: convert the image to RGB");
    }
    if (state_.num_components != 1 && state_.num_components != 3) {
      return Refuse(absl::StrCat("a JPEG of ", state_.num_components,
                                 " components; 1 (grey) and 3 are read: convert the image to RGB"));
    }
    return ImageSize{state_.image_width, state_.image_height};
  }

  // After ReadHeader; `image` has room for all.
  absl::Status ReadPixels(Image* image) {
    const bool read = Guarded([this, image] {
      state_.out_color_space = JCS_RGB;
      state_.dct_method = JDCT_ISLOW;
      jpeg_start_decompress(&state_);
      while (state_.output_scanline < state_.output_height) {
        JSAMPROW row = image->rgb.data() + int64_t{3} * state_.output_scanline * image->width;
        jpeg_read_scanlines(&state_, &row, 1);
      }
      jpeg_finish_decompress(&state_);
    });
    return read ? absl::OkStatus() : Damaged();
  }

 private:
  // Makes a call, in which no object that has a destructor may live; false: libjpeg gave it up.
  template <typename Call>
  bool Guarded(const Call& call) {
    if (setjmp(errors_.jump) != 0) return false;
    call();
    return true;
  }

  static absl::Status Refuse(std::string_view message) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", message);
  }
  absl::Status Damaged() const {
    return Refuse(absl::StrCat("a damaged JPEG: ", Printable(errors_.message, JMSG_LENGTH_MAX),
                               ": save the image anew"));
  }

  ErrorManager errors_ = {};
  jpeg_progress_mgr progress_ = {};
  jpeg_decompress_struct state_ = {};
  bool created_ = false;
};

}  // namespace

absl::StatusOr<ImageSize> ReadJpegSize(std::string_view file) {
  return Decompressor().ReadHeader(file);
}

absl::StatusOr<Image> DecodeJpeg(std::string_view file) {
  Decompressor decompressor;
  ATTUNE_ASSIGN_OR_RETURN(const ImageSize size, decompressor.ReadHeader(file));
  Image image{size.width, size.height, {}};
  image.rgb.resize(static_cast<size_t>(3 * size.width * size.height));
  ATTUNE_RETURN_IF_ERROR(decompressor.ReadPixels(&image));
  return image;
}

}  // namespace attune
