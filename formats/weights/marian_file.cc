// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/marian_file.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/weights/float_conversion.h"
#include "formats/weights/marian_layout.h"

namespace attune {
namespace {

static_assert(std::endian::native == std::endian::little, "Marian's data is little-endian");

constexpr uint64_t kMaxTensors = 65'536;
constexpr uint64_t kMaxNameBytes = 1024;
constexpr uint64_t kMaxDimensions = 8;
constexpr uint64_t kMaxSettingsBytes = 1 << 20;

struct Entry {
  uint64_t name_bytes = 0, type = 0, dimensions = 0, data_bytes = 0;
};
static_assert(sizeof(Entry) == 32);

}  // namespace

bool IsMarianFile(std::string_view beginning) {
  uint64_t version = 0;
  if (beginning.size() < sizeof(version)) return false;
  std::memcpy(&version, beginning.data(), sizeof(version));
  return version == kMarianVersion;
}

int64_t MarianTensor::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

bool MarianTensor::transposed() const {
  return type == MarianType::kIntgemm8 && name != kMarianEmbedding;
}

// Goes through the header once; the next part is read only when the one before was sound.
class MarianFileReader {
 public:
  explicit MarianFileReader(MarianFile& out) : out_(out) {}

  absl::Status Read() {
    ATTUNE_RETURN_IF_ERROR(ReadEntries());
    ATTUNE_RETURN_IF_ERROR(ReadNames());
    ATTUNE_RETURN_IF_ERROR(ReadShapes());
    ATTUNE_RETURN_IF_ERROR(SkipPadding());
    ATTUNE_RETURN_IF_ERROR(PlaceData());
    if (out_.settings_.empty()) {
      return Invalid(absl::StrCat("it has no ", kMarianSettings,
                                  "; use a file that has the model's ",
                                  "settings in it, as Marian writes them"));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Invalid(std::string_view message) const {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat(Printable(out_.name_, 255), ": ", std::string(message)));
  }
  absl::Status Cut(std::string_view what) const {
    return Invalid(absl::StrCat("it ends within ", std::string(what), ", at byte ",
                                out_.file_.size(), "; hand in the whole file"));
  }
  std::string NameOf(size_t i) const { return Printable(names_[i], 200); }

  // The next bytes; `what` they are.
  template <typename T>
  absl::Status Take(absl::Span<T> out, std::string_view what) {
    const auto bytes = static_cast<int64_t>(out.size() * sizeof(T));
    if (bytes > out_.file_.size() - at_) return Cut(what);
    at_ += bytes;
    return out_.file_.ReadExactly(
        at_ - bytes, absl::MakeSpan(reinterpret_cast<char*>(out.data()), out.size() * sizeof(T)));
  }

  absl::Status ReadEntries() {
    std::array<uint64_t, 2> counts = {};  // version and tensors
    ATTUNE_RETURN_IF_ERROR(Take(absl::MakeSpan(counts), "its first 16 bytes"));
    if (counts[0] != kMarianVersion) {
      return Invalid(
          absl::StrCat("it is of version ", counts[0], "; a Marian model of version 1 is read"));
    }
    if (counts[1] > kMaxTensors) {
      return Invalid(absl::StrCat("it says that it has ", counts[1], " tensors; at most ",
                                  kMaxTensors, " are read: it is damaged"));
    }
    if (counts[1] * sizeof(Entry) > static_cast<uint64_t>(out_.file_.size())) {
      return Cut("the list of its tensors");
    }
    entries_.resize(counts[1]);
    ATTUNE_RETURN_IF_ERROR(Take(absl::MakeSpan(entries_), "the list of its tensors"));
    for (size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      const bool name = entry.name_bytes >= 2 && entry.name_bytes <= kMaxNameBytes;
      if (!name || entry.dimensions == 0 || entry.dimensions > kMaxDimensions) {
        return Invalid(absl::StrCat("tensor ", i, " has a name of ", entry.name_bytes,
                                    " bytes and ", entry.dimensions, " dimensions; at most ",
                                    kMaxNameBytes, " and ", kMaxDimensions,
                                    " are possible: it is damaged"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadNames() {
    for (size_t i = 0; i < entries_.size(); ++i) {
      std::string name(entries_[i].name_bytes, '\0');
      ATTUNE_RETURN_IF_ERROR(Take(absl::MakeSpan(name), "the names of its tensors"));
      if (name.find('\0') != name.size() - 1) {
        return Invalid(absl::StrCat("the name of tensor ", i, " does not end where it should"));
      }
      name.pop_back();
      names_.push_back(std::move(name));
    }
    return absl::OkStatus();
  }

  absl::Status ReadShapes() {
    for (size_t i = 0; i < entries_.size(); ++i) {
      std::vector<int32_t> shape(entries_[i].dimensions);
      ATTUNE_RETURN_IF_ERROR(Take(absl::MakeSpan(shape), "the shapes of its tensors"));
      int64_t elements = 1;
      bool fits = true;
      for (const int32_t size : shape) {
        fits = fits && size > 0 && !__builtin_mul_overflow(elements, size, &elements) &&
               elements <= std::numeric_limits<int32_t>::max();
      }
      if (!fits) {
        return Invalid(absl::StrCat("tensor '", NameOf(i), "' has a shape with a size that is not ",
                                    "positive, or over 2^31 elements: it is damaged"));
      }
      shapes_.emplace_back(shape.begin(), shape.end());
    }
    return absl::OkStatus();
  }

  absl::Status SkipPadding() {
    uint64_t padding = 0;
    ATTUNE_RETURN_IF_ERROR(Take(absl::MakeSpan(&padding, 1), "its header"));
    if (padding > kMarianAlignment) return Misplaced(padding);
    const auto begin = at_ + static_cast<int64_t>(padding);
    if (begin % kMarianAlignment != 0) return Misplaced(padding);
    if (begin > out_.file_.size()) return Cut("its header");
    at_ = begin;
    return absl::OkStatus();
  }

  absl::Status Misplaced(uint64_t padding) const {
    return Invalid(absl::StrCat("its data begins ", padding, " bytes after byte ", at_,
                                ", which is no multiple of ", kMarianAlignment, ": it is damaged"));
  }

  absl::Status PlaceData() {
    for (size_t i = 0; i < entries_.size(); ++i) {
      MarianTensor tensor{names_[i], static_cast<MarianType>(entries_[i].type), shapes_[i], at_};
      ATTUNE_RETURN_IF_ERROR(CheckBytes(tensor, i));
      if (tensor.name == kMarianSettings) {
        ATTUNE_RETURN_IF_ERROR(ReadSettings(tensor));
      } else {
        ATTUNE_RETURN_IF_ERROR(CheckType(tensor));
        if (!out_.index_.emplace(tensor.name, out_.tensors_.size()).second) {
          return Invalid(absl::StrCat("two tensors are named '", NameOf(i), "'"));
        }
        out_.tensors_.push_back(std::move(tensor));
      }
      at_ += static_cast<int64_t>(entries_[i].data_bytes);
    }
    if (at_ == out_.file_.size()) return absl::OkStatus();
    return Invalid(absl::StrCat(out_.file_.size() - at_, " bytes follow the last tensor: it is ",
                                "damaged, or something else is in it"));
  }

  absl::Status CheckType(const MarianTensor& tensor) const {
    if (tensor.type == MarianType::kFloat32 || tensor.type == MarianType::kIntgemm8) {
      return absl::OkStatus();
    }
    return Invalid(absl::StrCat("tensor '", Printable(tensor.name, 200), "' is of Marian's type 0x",
                                absl::Hex(static_cast<uint64_t>(tensor.type)),
                                "; weights must be float32 (0x404) or intgemm8 (0x4101): convert ",
                                "the model with marian-conv to one of these"));
  }

  // As many as its type and shape need, or that rounded up to the alignment.
  absl::Status CheckBytes(const MarianTensor& tensor, size_t i) const {
    const int64_t need = MarianDataBytes(tensor);
    const uint64_t bytes = entries_[i].data_bytes;
    if (bytes > static_cast<uint64_t>(out_.file_.size() - at_)) {
      return Cut(absl::StrCat("tensor '", NameOf(i), "'"));
    }
    const auto got = static_cast<int64_t>(bytes);
    if (got == need || got == AlignedMarianBytes(need)) return absl::OkStatus();
    return Invalid(absl::StrCat("tensor '", NameOf(i), "' has ", bytes, " bytes; its shape needs ",
                                need, ": it is damaged"));
  }

  absl::Status ReadSettings(const MarianTensor& tensor) {
    const auto bytes = static_cast<uint64_t>(tensor.elements());
    if (tensor.type != MarianType::kInt8 || bytes > kMaxSettingsBytes || !out_.settings_.empty()) {
      return Invalid(absl::StrCat(kMarianSettings, " must be there once, as int8 of at most ",
                                  kMaxSettingsBytes, " bytes: it is damaged"));
    }
    out_.settings_.resize(bytes);
    ATTUNE_RETURN_IF_ERROR(out_.file_.ReadExactly(tensor.offset, absl::MakeSpan(out_.settings_)));
    out_.settings_.resize(out_.settings_.find_last_not_of('\0') + 1);
    return absl::OkStatus();
  }

  MarianFile& out_;
  int64_t at_ = 0;
  std::vector<Entry> entries_;
  std::vector<std::string> names_;
  std::vector<std::vector<int64_t>> shapes_;
};

absl::StatusOr<MarianFile> MarianFile::Open(RegularFile file, std::string name) {
  MarianFile result(std::move(file), std::move(name));
  ATTUNE_RETURN_IF_ERROR(MarianFileReader(result).Read());
  return result;
}

const MarianTensor* MarianFile::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

absl::Status MarianFile::ReadFloats(const MarianTensor& tensor, absl::Span<float> out) const {
  if (static_cast<int64_t>(out.size()) != tensor.elements()) {
    return absl::InternalError("a buffer of another size than the tensor");
  }
  const auto invalid = [&](const auto&... message) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat(Printable(name_, 255), ": tensor '", Printable(tensor.name, 200),
                                  "' ", message...));
  };
  if (tensor.type == MarianType::kIntgemm8) {
    std::vector<int8_t> codes(out.size());
    float scale = 0;
    ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(
        tensor.offset, absl::MakeSpan(reinterpret_cast<char*>(codes.data()), codes.size())));
    ATTUNE_RETURN_IF_ERROR(
        file_.ReadExactly(tensor.offset + tensor.elements(),
                          absl::MakeSpan(reinterpret_cast<char*>(&scale), sizeof(scale))));
    if (!(scale > 0) || !std::isfinite(128 / scale)) {
      return invalid("has the scale ", scale, "; it must be a positive number");
    }
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(codes[i]) / scale;
    return absl::OkStatus();
  }
  ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(
      tensor.offset,
      absl::MakeSpan(reinterpret_cast<char*>(out.data()), out.size() * sizeof(float))));
  const ptrdiff_t bad = FindNonFinite(out);
  if (bad < 0) return absl::OkStatus();
  return invalid("holds ", out[static_cast<size_t>(bad)], " at element ", bad,
                 "; weights must be finite numbers");
}

}  // namespace attune
