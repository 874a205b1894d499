// SPDX-License-Identifier: Apache-2.0
// What the terminal at an output can do.
#pragma once

#include <string>
#include <string_view>

#include "client/endpoint.h"

namespace attune {

struct Terminal {
  bool live = false;    // lines may be redrawn
  bool colour = false;  // and coloured
  int columns = 80;     // of a line
};

// Of a file descriptor: COLUMNS or its window's width; no colour with NO_COLOR; TERM=dumb is never
// live.
Terminal DetectTerminal(int fd, const Environment& environment);

enum class Colour { kRed, kGreen, kYellow, kDim, kBold };

// `text`, coloured if the terminal may.
std::string Paint(const Terminal& terminal, Colour colour, std::string_view text);

}  // namespace attune
