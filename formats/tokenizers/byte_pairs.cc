// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/byte_pairs.h"

#include <algorithm>
#include <functional>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/byte_level.h"

namespace attune {
namespace {

absl::Status Invalid(std::string message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL", message);
}

uint64_t PairKey(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

// One word while it is merged: a list of symbols, and a heap of merges that may be out of date.
class WordMerger {
 public:
  explicit WordMerger(const BytePairs& model) : model_(model) {}

  void Add(int32_t id) {
    const auto at = static_cast<int32_t>(symbols_.size());
    symbols_.push_back({id, at - 1, at + 1});
  }

  void Merge() {
    if (symbols_.empty()) return;
    symbols_.back().next = kEnd;
    for (int32_t at = 0; symbols_[at].next != kEnd; ++at) Propose(at);
    while (!candidates_.empty()) {
      std::pop_heap(candidates_.begin(), candidates_.end(), std::greater<>());
      const Candidate candidate = candidates_.back();
      candidates_.pop_back();
      if (IsCurrent(candidate)) Apply(candidate);
    }
  }

  void AppendIds(std::vector<int32_t>* ids) const {
    if (symbols_.empty()) return;
    for (int32_t at = 0; at != kEnd; at = symbols_[at].next) ids->push_back(symbols_[at].id);
  }

 private:
  static constexpr int32_t kEnd = -1;
  static constexpr int32_t kMerged = -1;  // id of a symbol that is part of an earlier one
  static constexpr size_t kUsual = 32;    // bytes of a word that needs no heap memory

  struct Symbol {
    int32_t id, previous, next;
  };
  struct Candidate {
    int32_t rank, at, left, right, merged;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  // Puts the merge of the symbol at `at` with its neighbour behind, if there is one, on the heap.
  void Propose(int32_t at) {
    const int32_t next = symbols_[at].next;
    if (next == kEnd) return;
    const int32_t left = symbols_[at].id, right = symbols_[next].id;
    const BytePairs::Merge* merge = model_.FindMerge(left, right);
    if (merge == nullptr) return;
    candidates_.push_back({merge->rank, at, left, right, merge->id});
    std::push_heap(candidates_.begin(), candidates_.end(), std::greater<>());
  }

  bool IsCurrent(const Candidate& candidate) const {
    const Symbol& symbol = symbols_[candidate.at];
    return symbol.id == candidate.left && symbol.next != kEnd &&
           symbols_[symbol.next].id == candidate.right;
  }

  void Apply(const Candidate& candidate) {
    Symbol& left = symbols_[candidate.at];
    Symbol& right = symbols_[left.next];
    left.id = candidate.merged;
    left.next = right.next;
    right.id = kMerged;
    if (left.next != kEnd) symbols_[left.next].previous = candidate.at;
    if (left.previous != kEnd) Propose(left.previous);
    Propose(candidate.at);
  }

  const BytePairs& model_;
  absl::InlinedVector<Symbol, kUsual> symbols_;
  absl::InlinedVector<Candidate, kUsual> candidates_;
};

std::optional<std::pair<std::string, std::string>> BytePairs::ParseMerge(std::string_view text) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view left = text.substr(0, space), right = text.substr(space + 1);
  if (left.empty() || right.empty() || right.find(' ') != std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair(std::string(left), std::string(right));
}

absl::StatusOr<BytePairs> BytePairs::Create(Vocabulary vocabulary, const Merges& merges,
                                            Options options) {
  BytePairs model(std::move(vocabulary), options.fuse_unknown);
  if (!options.unknown_token.empty()) {
    const std::optional<int32_t> unknown = model.vocabulary_.Id(options.unknown_token);
    if (!unknown.has_value()) {
      return Invalid(absl::StrCat("the unknown token '", Printable(options.unknown_token),
                                  "' is not in the vocabulary"));
    }
    model.unknown_id_ = *unknown;
  }
  for (size_t i = 0; i < merges.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(model.AddMerge(merges[i], static_cast<int32_t>(i)));
  }
  model.FindWholeWords();
  return model;
}

BytePairs::BytePairs(Vocabulary vocabulary, bool fuse_unknown)
    : vocabulary_(std::move(vocabulary)), fuse_unknown_(fuse_unknown) {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    byte_ids_[byte] =
        vocabulary_.Id(ByteLevelCharacter(static_cast<unsigned char>(byte))).value_or(-1);
  }
}

absl::Status BytePairs::AddMerge(const std::pair<std::string, std::string>& merge, int32_t rank) {
  const auto& [left, right] = merge;
  const std::string whole = left + right;
  std::array<int32_t, 3> ids;
  const std::array<const std::string*, 3> tokens = {&left, &right, &whole};
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::optional<int32_t> id = vocabulary_.Id(*tokens[i]);
    if (!id.has_value()) {
      return Invalid(absl::StrCat("merge ", rank + 1, " ('", Printable(left), "' with '",
                                  Printable(right), "') needs the token '", Printable(*tokens[i]),
                                  "', which is not in the vocabulary"));
    }
    ids[i] = *id;
  }
  merges_[PairKey(ids[0], ids[1])] = {rank, ids[2]};  // the last of equal rules holds
  return absl::OkStatus();
}

void BytePairs::FindWholeWords() {
  std::vector<int32_t> ids;
  for (const auto& [token, id] : vocabulary_.ids()) {
    std::optional<std::string> bytes = ByteLevelBytes(token);
    if (!bytes.has_value()) continue;
    ids.clear();
    EncodeByMerging(*bytes, &ids);
    if (ids.size() == 1 && ids[0] == id) whole_words_.insert({*std::move(bytes), id});
  }
}

const BytePairs::Merge* BytePairs::FindMerge(int32_t left, int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::Encode(std::string_view word, std::vector<int32_t>* ids) const {
  const auto whole = whole_words_.find(absl::string_view(word.data(), word.size()));
  if (whole != whole_words_.end()) {
    ids->push_back(whole->second);
  } else {
    EncodeByMerging(word, ids);
  }
}

void BytePairs::EncodeByMerging(std::string_view word, std::vector<int32_t>* ids) const {
  WordMerger merger(*this);
  bool unknown_before = false;
  for (const char c : word) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    const bool unknown = id < 0;
    if (!unknown) {
      merger.Add(id);
    } else if (unknown_id_ >= 0 && !(fuse_unknown_ && unknown_before)) {
      merger.Add(unknown_id_);
    }
    unknown_before = unknown;
  }
  merger.Merge();
  merger.AppendIds(ids);
}

}  // namespace attune
