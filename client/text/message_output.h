// SPDX-License-Identifier: Apache-2.0
// Messages for programs: JSON and YAML with proto field names, times in RFC 3339. Pure.
#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

enum class OutputFormat { kTable, kJson, kJsonLines, kYaml, kName };

std::optional<OutputFormat> ParseOutputFormat(std::string_view name);  // "table", "json", …
std::vector<std::string> OutputFormatNames();

// One message in any format but kTable, with its line end. kName prints the field "name".
std::string ToOutput(const google::protobuf::Message& message, OutputFormat format);

}  // namespace attune
