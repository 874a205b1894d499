// SPDX-License-Identifier: Apache-2.0
#include "client/text/table.h"

#include <algorithm>
#include <utility>

#include "client/text/words.h"

namespace attune {
namespace {

std::string CutTo(const std::string& line, int columns) {
  if (columns <= 0 || DisplayWidth(line) <= columns) return line;
  int width = 0;
  size_t end = 0;
  while (end < line.size()) {
    const bool starts = (static_cast<unsigned char>(line[end]) & 0xc0) != 0x80;
    if (starts && ++width == columns) break;
    ++end;
  }
  return line.substr(0, end) + "…";
}

}  // namespace

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = cell.empty() ? "-" : Printable(cell);
  cells.resize(rows_[0].size(), "-");
  rows_.push_back(std::move(cells));
}

std::string Table::ToText(int columns) const {
  std::vector<int> widths(rows_[0].size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - DisplayWidth(row[i]) + 2, ' ');
    }
    text += CutTo(line, columns) + "\n";
  }
  return text;
}

}  // namespace attune
