// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/piece_normalizer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

PieceTrie UserDefined(const std::vector<ScoredPiece>& pieces) {
  std::vector<std::pair<std::string_view, int32_t>> found;
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].kind != PieceKind::kUserDefined) continue;
    found.emplace_back(pieces[id].text, static_cast<int32_t>(id));
  }
  return PieceTrie(std::move(found));
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

absl::StatusOr<PieceNormalizer> PieceNormalizer::Create(const SentencePieceFile& file) {
  CharacterMap map;
  if (!file.normalizer.character_map.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(map, CharacterMap::Create(file.normalizer.character_map));
  }
  return PieceNormalizer(file, std::move(map));
}

PieceNormalizer::PieceNormalizer(const SentencePieceFile& file, CharacterMap map)
    : settings_(file.normalizer), map_(std::move(map)), user_defined_(UserDefined(file.pieces)) {
  settings_.character_map.clear();
}

PieceNormalizer::Step PieceNormalizer::NextStep(std::string_view text) const {
  if (const size_t length = user_defined_.LongestPrefix(text); length > 0) {
    return {text.substr(0, length), length};
  }
  if (const auto match = map_.Longest(text)) return {match->replacement, match->length};
  // Only a map that replaces parts of characters leaves the rest of one.
  if ((text[0] & 0xC0) == 0x80) return {kReplacement, 1};
  size_t length = 0;
  NextCharacter(text, &length);
  return {text.substr(0, length), length};
}

std::string_view PieceNormalizer::WithoutLeadingSpaces(std::string_view text) const {
  while (!text.empty()) {
    const Step step = NextStep(text);
    if (step.text != " ") break;
    text.remove_prefix(step.consumed);
  }
  return text;
}

void PieceNormalizer::AppendSteps(std::string_view text, std::string_view space,
                                  std::string* out) const {
  bool behind_space = settings_.remove_extra_whitespaces;
  while (!text.empty()) {
    auto [made, consumed] = NextStep(text);
    text.remove_prefix(consumed);
    if (behind_space) made.remove_prefix(std::min(made.find_first_not_of(' '), made.size()));
    for (const char byte : made) byte == ' ' ? out->append(space) : out->append(1, byte);
    if (!made.empty()) behind_space = settings_.remove_extra_whitespaces && made.back() == ' ';
  }
}

std::string PieceNormalizer::Normalize(std::string_view text) const {
  const std::string_view space = settings_.escape_whitespaces ? kSpacePiece : " ";
  std::string out;
  if (settings_.remove_extra_whitespaces) text = WithoutLeadingSpaces(text);
  if (text.empty()) return out;
  out.reserve(text.size() * 3 / 2);
  const bool prefix = settings_.add_dummy_prefix && !settings_.whitespace_as_suffix;
  const bool suffix = settings_.add_dummy_prefix && settings_.whitespace_as_suffix;
  if (prefix) out += space;
  AppendSteps(text, space, &out);
  while (settings_.remove_extra_whitespaces && EndsWith(out, space)) {
    out.resize(out.size() - space.size());
  }
  if (suffix) out += space;
  return out;
}

}  // namespace attune
