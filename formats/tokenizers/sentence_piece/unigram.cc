// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr float kUnknownPenalty = 10;
constexpr float kFarFromZero = 100'000;  // where a float would tell pieces apart badly
constexpr int32_t kNowhere = -1;

PieceTrie PiecesOfTexts(const std::vector<ScoredPiece>& pieces) {
  std::vector<std::pair<std::string_view, int32_t>> found;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const PieceKind kind = pieces[id].kind;
    if (kind == PieceKind::kNormal || kind == PieceKind::kUserDefined) {
      found.emplace_back(pieces[id].text, static_cast<int32_t>(id));
    }
  }
  return PieceTrie(std::move(found));
}

}  // namespace

struct Unigram::Best {
  float score = 0;
  int32_t from = kNowhere;  // where its last piece begins
  int32_t id = 0;           // of the last piece

  void Offer(float candidate, size_t begin, int32_t piece) {
    if (from != kNowhere && !(candidate > score)) return;
    score = candidate;
    from = static_cast<int32_t>(begin);
    id = piece;
  }
};

Unigram::Unigram(const SentencePieceFile& file)
    : trie_(PiecesOfTexts(file.pieces)), unknown_id_(file.unknown_id) {
  float worst = std::numeric_limits<float>::max();
  for (const ScoredPiece& piece : file.pieces) {
    scores_.push_back(piece.score);
    kinds_.push_back(piece.kind);
    if (piece.kind == PieceKind::kNormal) worst = std::min(worst, piece.score);
  }
  unknown_score_ = worst - kUnknownPenalty;
}

float Unigram::Score(size_t length, int32_t id) const {
  const auto at = static_cast<size_t>(id);
  if (kinds_[at] != PieceKind::kUserDefined) return scores_[at];
  return static_cast<float>(0.1 * static_cast<double>(length - 1));
}

size_t Unigram::Extend(std::string_view text, size_t at, std::vector<Best>& best) const {
  const float score_here = best[at].score;
  size_t behind = at;
  NextCharacter(text, &behind);
  size_t reached = 0;
  bool covered = false;  // the character, by a piece
  trie_.ForEachPrefix(text.substr(at), [&](size_t length, int32_t id) {
    reached = at + length;
    best[reached].Offer(Score(length, id) + score_here, at, id);
    covered |= reached == behind;
  });
  if (covered) return reached;
  best[behind].Offer(unknown_score_ + score_here, at, unknown_id_);
  return std::max(reached, behind);
}

std::vector<Unigram::Cut> Unigram::Segment(std::string_view text) const {
  std::vector<Best> best(text.size() + 1);
  size_t reached = 0;  // the farthest end of a way
  for (size_t at = 0; at < text.size(); NextCharacter(text, &at)) {
    const float here = best[at].score;
    if (std::abs(here) > kFarFromZero) {
      for (size_t end = at; end <= reached; ++end) best[end].score -= here;
    }
    reached = std::max(reached, Extend(text, at, best));
  }
  std::vector<Cut> cuts;
  for (size_t end = text.size(); end > 0; end = cuts.back().begin) {
    cuts.push_back({static_cast<size_t>(best[end].from), end, best[end].id});
  }
  std::reverse(cuts.begin(), cuts.end());
  return cuts;
}

}  // namespace attune
