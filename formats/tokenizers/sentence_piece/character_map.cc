// SPDX-License-Identifier: Apache-2.0
// A unit of the trie: bits 0–7 the label (bit 31 set: no label, a leaf), bit 8 whether a string
// ends here, bits 10–30 the offset, times 256 where bit 9 is set. The children of the unit at p lie
// at p ^ offset ^ label; the leaf, whose bits 0–30 are the value, at p ^ offset.
#include "formats/tokenizers/sentence_piece/character_map.h"

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr size_t kUnitBytes = sizeof(uint32_t);
constexpr size_t kBlockBytes = 256 * kUnitBytes;  // Darts-clone fills whole blocks

absl::Status Damaged(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                   absl::StrCat("the character map (precompiled_charsmap) ", what,
                                ": the file is damaged; copy it again"));
}

uint32_t UnitAt(std::string_view bytes, size_t at) {
  uint32_t unit = 0;
  for (size_t i = 0; i < kUnitBytes; ++i) {
    unit |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  }
  return unit;
}

bool HasLabel(uint32_t unit, uint8_t label) { return (unit & 0x800000FF) == label; }
bool EndsString(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t Offset(uint32_t unit) { return unit >> 10 << ((unit & (1 << 9)) >> 6); }
uint32_t Value(uint32_t leaf) { return leaf & 0x7FFFFFFF; }

}  // namespace

absl::StatusOr<CharacterMap> CharacterMap::Create(std::string_view blob) {
  if (blob.size() < kUnitBytes) return Damaged(absl::StrCat("has ", blob.size(), " bytes"));
  const size_t size = UnitAt(blob, 0);
  blob.remove_prefix(kUnitBytes);
  if (size == 0 || size % kBlockBytes != 0 || size >= blob.size()) {
    return Damaged(absl::StrCat("says that its trie has ", size, " of ", blob.size(), " bytes"));
  }
  CharacterMap map;
  map.units_.reserve(size / kUnitBytes);
  for (size_t at = 0; at < size; at += kUnitBytes) map.units_.push_back(UnitAt(blob, at));
  map.replacements_ = blob.substr(size);
  if (map.replacements_.back() != '\0') return Damaged("does not end in NUL");
  if (FindInvalidUtf8(map.replacements_) != std::string_view::npos) {
    return Damaged("has a replacement that is not valid UTF-8");
  }
  ATTUNE_RETURN_IF_ERROR(map.CheckWays());
  return map;
}

// Visits each unit that a text can lead to once, whatever cycles there are.
absl::Status CharacterMap::CheckWays() const {
  std::vector<bool> seen(units_.size());
  std::vector<size_t> open = {0};
  seen[0] = true;
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    const size_t base = at ^ Offset(units_[at]);
    if ((base | 0xFF) >= units_.size()) {
      return Damaged(absl::StrCat("leads from unit ", at, " out of its trie"));
    }
    if (EndsString(units_[at])) ATTUNE_RETURN_IF_ERROR(CheckReplacement(units_[base]));
    for (size_t label = 0; label <= 0xFF; ++label) {
      const size_t child = base ^ label;
      if (seen[child] || !HasLabel(units_[child], static_cast<uint8_t>(label))) continue;
      seen[child] = true;
      open.push_back(child);
    }
  }
  return absl::OkStatus();
}

absl::Status CharacterMap::CheckReplacement(uint32_t leaf) const {
  const size_t begin = Value(leaf);
  const bool inside = begin < replacements_.size() && (replacements_[begin] & 0xC0) != 0x80;
  return inside ? absl::OkStatus()
                : Damaged(absl::StrCat("names byte ", begin, " of its replacements, where none ",
                                       "begins"));
}

std::optional<CharacterMap::Match> CharacterMap::Longest(std::string_view text) const {
  if (units_.empty()) return std::nullopt;
  std::optional<uint32_t> value;
  Match longest;
  size_t base = Offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto label = static_cast<uint8_t>(text[i]);
    const size_t at = base ^ label;
    if (!HasLabel(units_[at], label)) break;
    base = at ^ Offset(units_[at]);
    if (!EndsString(units_[at])) continue;
    longest.length = i + 1;
    value = Value(units_[base]);
  }
  if (!value.has_value()) return std::nullopt;
  longest.replacement = replacements_.c_str() + *value;
  return longest;
}

}  // namespace attune
