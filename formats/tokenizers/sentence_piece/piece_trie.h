// SPDX-License-Identifier: Apache-2.0
// Which pieces a text starts with. Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"

namespace attune {

class PieceTrie {
 public:
  // Pieces (not empty, none twice) with their ids (≥ 0); they are not kept.
  explicit PieceTrie(std::vector<std::pair<std::string_view, int32_t>> pieces);

  // Calls on_piece(length in bytes, id), the shortest piece first.
  void ForEachPrefix(std::string_view text,
                     absl::FunctionRef<void(size_t, int32_t)> on_piece) const;
  // Length of the longest piece that the text starts with, or 0.
  size_t LongestPrefix(std::string_view text) const;

 private:
  struct Node {
    uint32_t first_child = 0;  // the others lie behind it, by label
    uint16_t child_count = 0;
    uint8_t label = 0;
    int32_t id = -1;  // of the piece that ends here
  };

  // Null where no piece goes on with `label`.
  const Node* Child(const Node& node, uint8_t label) const;

  std::vector<Node> nodes_;  // the root first
};

}  // namespace attune
