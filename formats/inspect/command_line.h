// SPDX-License-Identifier: Apache-2.0
// The commands of attune-inspect:
//   run [--cpu-limit SECONDS]                      one JSON request on stdin, one report on stdout
//   dataset FILE --format F --text-column NAME [--text-column NAME] --label-column NAME
//           --label-kind KIND --label-separator C
//   tokenize --model DIR [--max-length N]          JSON strings on stdin, id lists on stdout
//   pixels                                         JSON lines on stdin and stdout: pixel_lines.h
// Exit: 0, 1 could not be done, 2 wrong use or request, 6 (dataset) the file has problems.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

struct CommandLine {
  std::string command;
  std::vector<std::string> operands;
  std::map<std::string, std::vector<std::string>, std::less<>> flags;  // without "--"

  // The flag's only value, or `absent`.
  std::string Flag(std::string_view name, std::string_view absent) const;
};

// INVALID_ARGUMENT: no command, a flag that is unknown or without value, one given twice (but
// text-column), operands where none belong.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace attune
