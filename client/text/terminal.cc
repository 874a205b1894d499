// SPDX-License-Identifier: Apache-2.0
#include "client/text/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace attune {
namespace {

constexpr int kMinColumns = 20, kMaxColumns = 1000;

const char* CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kRed:
      return "31";
    case Colour::kGreen:
      return "32";
    case Colour::kYellow:
      return "33";
    case Colour::kDim:
      return "2";
    case Colour::kBold:
      return "1";
  }
  return "0";
}

}  // namespace

Terminal DetectTerminal(int fd, const Environment& environment) {
  Terminal terminal;
  terminal.live = isatty(fd) != 0 && environment("TERM") != "dumb";
  terminal.colour = terminal.live && environment("NO_COLOR").empty();
  int columns = 0;
  if (absl::SimpleAtoi(environment("COLUMNS"), &columns) && columns >= kMinColumns &&
      columns <= kMaxColumns) {
    terminal.columns = columns;
    return terminal;
  }
  winsize size{};
  if (terminal.live && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= kMinColumns) {
    terminal.columns = size.ws_col;
  }
  return terminal;
}

std::string Paint(const Terminal& terminal, Colour colour, std::string_view text) {
  if (!terminal.colour) return std::string(text);
  return absl::StrCat("\x1b[", CodeOf(colour), "m", std::string(text), "\x1b[0m");
}

}  // namespace attune
