// SPDX-License-Identifier: Apache-2.0
// A table of text with aligned columns, two spaces apart. Cells are made printable. Pure.
#pragma once

#include <string>
#include <vector>

namespace attune {

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void AddRow(std::vector<std::string> cells);  // as many as the header has; "" becomes "-"
  bool empty() const { return rows_.size() == 1; }
  // Lines end in "\n". Columns > 0: lines are cut there with "…".
  std::string ToText(int columns = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

}  // namespace attune
