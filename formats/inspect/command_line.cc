// SPDX-License-Identifier: Apache-2.0
#include "formats/inspect/command_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/suggestion.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

struct Command {
  std::string name;
  size_t operands;
  std::vector<std::string> flags;
};

const std::vector<Command>& Commands() {
  static const std::vector<Command>& commands = *new std::vector<Command>{
      {"run", 0, {"cpu-limit"}},
      {"dataset", 1, {"format", "text-column", "label-column", "label-kind", "label-separator"}},
      {"tokenize", 0, {"model", "max-length"}},
      {"pixels", 0, {}}};
  return commands;
}

absl::Status ReadFlag(const Command& command, const std::vector<std::string>& arguments, size_t* at,
                      CommandLine* line) {
  std::string name = arguments[*at].substr(2);
  const size_t equals = name.find('=');
  std::string value;
  if (equals != std::string::npos) {
    value = name.substr(equals + 1);
    name.resize(equals);
  } else if (*at + 1 < arguments.size()) {
    value = arguments[++*at];
  }
  if (std::find(command.flags.begin(), command.flags.end(), name) == command.flags.end()) {
    const std::string near = Nearest(name, command.flags);
    return absl::InvalidArgumentError(absl::StrCat("unknown flag --", Printable(name),
                                                   near.empty() ? "" : "; did you mean --", near,
                                                   near.empty() ? "" : "?"));
  }
  if (value.empty()) return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value"));
  std::vector<std::string>& values = line->flags[name];
  if (!values.empty() && name != "text-column") {
    return absl::InvalidArgumentError(absl::StrCat("--", name, " is given twice"));
  }
  values.push_back(std::move(value));
  return absl::OkStatus();
}

}  // namespace

std::string CommandLine::Flag(std::string_view name, std::string_view absent) const {
  const auto found = flags.find(name);
  return found == flags.end() ? std::string(absent) : found->second.front();
}

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  const auto command = std::find_if(
      Commands().begin(), Commands().end(),
      [&](const Command& known) { return !arguments.empty() && known.name == arguments[0]; });
  if (command == Commands().end()) {
    return absl::InvalidArgumentError("expected a command: run, dataset, tokenize or pixels");
  }
  CommandLine line;
  line.command = command->name;
  for (size_t at = 1; at < arguments.size(); ++at) {
    if (arguments[at].rfind("--", 0) != 0) {
      line.operands.push_back(arguments[at]);
      continue;
    }
    const absl::Status status = ReadFlag(*command, arguments, &at, &line);
    if (!status.ok()) return status;
  }
  if (line.operands.size() != command->operands) {
    return absl::InvalidArgumentError(absl::StrCat(line.command, " takes ", command->operands,
                                                   " operand(s), got ", line.operands.size()));
  }
  return line;
}

}  // namespace attune
