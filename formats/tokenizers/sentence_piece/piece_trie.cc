// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/piece_trie.h"

#include <algorithm>

namespace attune {

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, int32_t>> pieces) {
  struct Below {
    size_t begin, end;  // the sorted pieces below a node
    size_t depth;
  };
  std::sort(pieces.begin(), pieces.end());
  std::vector<Below> below = {{0, pieces.size(), 0}};
  nodes_.emplace_back();
  for (size_t node = 0; node < nodes_.size(); ++node) {
    auto [begin, end, depth] = below[node];
    if (begin < end && pieces[begin].first.size() == depth)
      nodes_[node].id = pieces[begin++].second;
    nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
    while (begin < end) {
      const char label = pieces[begin].first[depth];
      size_t next = begin;
      while (next < end && pieces[next].first[depth] == label) ++next;
      below.push_back({begin, next, depth + 1});
      nodes_.push_back({.label = static_cast<uint8_t>(label)});
      ++nodes_[node].child_count;
      begin = next;
    }
  }
}

const PieceTrie::Node* PieceTrie::Child(const Node& node, uint8_t label) const {
  const Node* begin = nodes_.data() + node.first_child;
  const Node* end = begin + node.child_count;
  const Node* child = std::lower_bound(
      begin, end, label, [](const Node& other, uint8_t wanted) { return other.label < wanted; });
  return child != end && child->label == label ? child : nullptr;
}

void PieceTrie::ForEachPrefix(std::string_view text,
                              absl::FunctionRef<void(size_t, int32_t)> on_piece) const {
  const Node* node = nodes_.data();
  for (size_t i = 0; i < text.size(); ++i) {
    node = Child(*node, static_cast<uint8_t>(text[i]));
    if (node == nullptr) return;
    if (node->id >= 0) on_piece(i + 1, node->id);
  }
}

size_t PieceTrie::LongestPrefix(std::string_view text) const {
  size_t longest = 0;
  ForEachPrefix(text, [&](size_t length, int32_t) { longest = length; });
  return longest;
}

}  // namespace attune
