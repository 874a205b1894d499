// SPDX-License-Identifier: Apache-2.0
#include "client/text/message_output.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<const char*, OutputFormat>, 5> kFormats = {{
    {"table", OutputFormat::kTable},
    {"json", OutputFormat::kJson},
    {"jsonl", OutputFormat::kJsonLines},
    {"yaml", OutputFormat::kYaml},
    {"name", OutputFormat::kName},
}};

std::string ToJson(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = indented;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return "{}\n";
  if (json.empty() || json.back() != '\n') json += '\n';
  return json;
}

void EmitYaml(YAML::Emitter& out, const Json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, member] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      EmitYaml(out, member);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const Json& member : value) EmitYaml(out, member);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    out << YAML::DoubleQuoted << value.get<std::string>();  // "123" and "yes" stay text
  } else {
    out << value.dump();
  }
}

std::string ToYaml(const google::protobuf::Message& message) {
  YAML::Emitter out;
  EmitYaml(out, Json::parse(ToJson(message, false), nullptr, /*allow_exceptions=*/false));
  return absl::StrCat("---\n", out.c_str(), "\n");
}

std::string NameOf(const google::protobuf::Message& message) {
  const auto* field = message.GetDescriptor()->FindFieldByName("name");
  if (field == nullptr) return "";
  return absl::StrCat(message.GetReflection()->GetString(message, field), "\n");
}

}  // namespace

std::optional<OutputFormat> ParseOutputFormat(std::string_view name) {
  for (const auto& [text, format] : kFormats) {
    if (name == text) return format;
  }
  return std::nullopt;
}

std::vector<std::string> OutputFormatNames() {
  std::vector<std::string> names;
  for (const auto& [text, format] : kFormats) names.emplace_back(text);
  return names;
}

std::string ToOutput(const google::protobuf::Message& message, OutputFormat format) {
  switch (format) {
    case OutputFormat::kJsonLines:
      return ToJson(message, /*indented=*/false);
    case OutputFormat::kYaml:
      return ToYaml(message);
    case OutputFormat::kName:
      return NameOf(message);
    default:
      return ToJson(message, /*indented=*/true);
  }
}

}  // namespace attune
