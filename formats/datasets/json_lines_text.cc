// SPDX-License-Identifier: Apache-2.0
// JSONL: one object a line.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/suggestion.h"
#include "formats/datasets/example_sink.h"
#include "formats/datasets/text_lines.h"
#include "formats/json/strict_json.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

// What `path` names in the object: its key, or else one in an object within: "translation.en". Each
// value within is looked at once at most, as it is reached by one path alone. nullptr: nothing.
const Json* AtPath(const Json& object, const std::string& path) {
  if (!object.is_object()) return nullptr;
  if (const auto found = object.find(path); found != object.end()) return &*found;
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    const auto inner = object.find(path.substr(0, dot));
    if (inner == object.end()) continue;
    if (const Json* found = AtPath(*inner, path.substr(dot + 1)); found != nullptr) return found;
  }
  return nullptr;
}

// The keys of the object; of objects in it their own, with the way to them.
std::vector<std::string> PathsOf(const Json& object) {
  std::vector<std::string> paths;
  for (const auto& item : object.items()) {
    if (!item.value().is_object() || item.value().empty()) {
      paths.push_back(item.key());
      continue;
    }
    for (const auto& inner : item.value().items()) {
      paths.push_back(absl::StrCat(item.key(), ".", inner.key()));
    }
  }
  return paths;
}

// "translation" leads into "translation.en".
bool IsOrLeadsInto(const std::string& key, const std::string& path) {
  return path == key || (path.size() > key.size() && path[key.size()] == '.' &&
                         path.compare(0, key.size(), key) == 0);
}

class JsonLineReader {
 public:
  JsonLineReader(const DatasetSpec& spec, ExampleSink& sink) : spec_(spec), sink_(sink) {}

  void Read(const TextLines& line) {
    line_ = line.number();
    if (line.too_long()) {
      Report(1, absl::StrCat("the line is longer than ", kMaxRecordBytes, " bytes"),
             "Shorten it, or end each object with a newline.");
      return;
    }
    if (line.text().find_first_not_of(" \t\r") == std::string::npos) return;
    Json row;
    if (ParseRow(line.text(), &row)) ReadRow(row);
  }

 private:
  void Report(int64_t column, std::string message, std::string remedy) {
    sink_.Report({"", line_, column, std::move(message), std::move(remedy)});
  }

  bool ParseRow(std::string_view text, Json* row) {
    JsonError error;
    if (!ParseStrictJson(text, row, &error)) {
      Report(CountCharacters(text.substr(0, static_cast<size_t>(error.offset))) + 1,
             absl::StrCat("not a JSON object: ", error.message),
             "Write one complete JSON object a line, in UTF-8.");
      return false;
    }
    if (!row->is_object()) {
      Report(1, absl::StrCat("expected an object, found ", std::string(JsonTypeName(*row))),
             "Write one JSON object a line.");
      return false;
    }
    return true;
  }

  void ReadRow(const Json& row) {
    LabelledExample example;
    example.line = line_;
    bool complete = true;
    for (const std::string& name : spec_.text_columns) {
      std::optional<std::string> text = Text(row, name);
      complete = complete && text.has_value();
      example.texts.push_back(std::move(text).value_or(""));
    }
    complete = (!sink_.rules().reads_column() || ReadLabels(row, &example.labels)) && complete;
    NoteIgnored(row);
    if (!complete) return;
    sink_.Example(std::move(example), {"", line_, 1, "", ""});
  }

  const Json* Field(const Json& row, const std::string& name) {
    if (const Json* found = AtPath(row, name); found != nullptr) return found;
    const std::vector<std::string> names = PathsOf(row);
    const std::string near = Nearest(name, names);
    Report(1,
           absl::StrCat("no field '", Printable(name),
                        "'; the object has: ", names.empty() ? "nothing" : NameList(names)),
           near.empty() ? "Add the field, or name the right one."
                        : absl::StrCat("Did you mean '", Printable(near), "'?"));
    return nullptr;
  }

  std::optional<std::string> Text(const Json& row, const std::string& name) {
    const Json* value = Field(row, name);
    return value == nullptr ? std::nullopt : TextOf(*value, name);
  }

  std::optional<std::string> TextOf(const Json& value, const std::string& name) {
    if (!value.is_string()) {
      Report(1,
             absl::StrCat("field '", Printable(name), "': expected a string, found ",
                          std::string(JsonTypeName(value))),
             "Write the text in quotes.");
      return std::nullopt;
    }
    const auto& text = value.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) {
      Report(1, absl::StrCat("field '", Printable(name), "' holds a NUL character"), "Remove it.");
      return std::nullopt;
    }
    return text;
  }

  // As the file has them; false after a report.
  bool ReadLabels(const Json& row, std::vector<std::string>* labels) {
    const Json* value = Field(row, spec_.label_column);
    if (value == nullptr) return false;
    if (sink_.rules().takes_text()) {
      std::optional<std::string> text = TextOf(*value, spec_.label_column);
      if (text.has_value()) labels->push_back(*std::move(text));
      return text.has_value();
    }
    if (!sink_.rules().takes_several()) return ReadLabel(*value, labels);
    if (!value->is_array()) return WrongLabel(*value, "a list of labels", "[\"a\", \"b\"]");
    return std::all_of(value->begin(), value->end(),
                       [&](const Json& item) { return ReadLabel(item, labels); });
  }

  bool ReadLabel(const Json& value, std::vector<std::string>* labels) {
    if (sink_.rules().takes_number()) {
      if (!value.is_number() && !value.is_string()) return WrongLabel(value, "a number", "3.5");
    } else if (value.is_boolean()) {
      labels->push_back(value.get<bool>() ? "true" : "false");
      return true;
    } else if (!value.is_string() && !IsPlainInteger(value)) {
      return WrongLabel(value, "a string, an integer or a boolean", "\"a\"");
    }
    labels->push_back(value.is_string() ? value.get<std::string>() : value.dump());
    return true;
  }

  // The parser keeps "-0" as a signed zero, and every other integer that is not negative unsigned.
  static bool IsNegativeZero(const Json& value) {
    return value.type() == Json::value_t::number_integer && value == 0;
  }
  static bool IsPlainInteger(const Json& value) {
    return value.is_number_integer() && !IsNegativeZero(value);
  }

  bool WrongLabel(const Json& value, const char* expected, const char* example) {
    Report(
        1,
        absl::StrCat("field '", Printable(spec_.label_column), "': expected ", expected, ", found ",
                     IsNegativeZero(value) ? "-0" : std::string(JsonTypeName(value))),
        absl::StrCat("Write the label as ", example, ", or choose another label kind."));
    return false;
  }

  void NoteIgnored(const Json& row) {
    const auto& texts = spec_.text_columns;
    for (const auto& item : row.items()) {
      const bool used = IsOrLeadsInto(item.key(), spec_.label_column) ||
                        std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
                          return IsOrLeadsInto(item.key(), text);
                        });
      if (!used) sink_.Ignore(item.key());
    }
  }

  const DatasetSpec& spec_;
  ExampleSink& sink_;
  int64_t line_ = 0;
};

}  // namespace

void ScanJsonLines(ByteStream& bytes, const DatasetSpec& spec, ExampleSink& sink) {
  JsonLineReader reader(spec, sink);
  TextLines lines(bytes);
  while (lines.Next()) reader.Read(lines);
}

}  // namespace attune
