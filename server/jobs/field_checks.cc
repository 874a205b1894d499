// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/field_checks.h"

#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/resource_name.h"

namespace attune {
namespace {

constexpr size_t kMaxEchoed = 40;

// The next code point of valid UTF-8, which proto3 strings are.
char32_t NextCodePoint(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  char32_t code = more == 3   ? lead & 0x07
                  : more == 2 ? lead & 0x0F
                  : more == 1 ? lead & 0x1F
                              : lead;
  for (int i = 0; i < more && at < text.size(); ++i) {
    code = (code << 6) | (static_cast<unsigned char>(text[at++]) & 0x3F);
  }
  return code;
}

// C0, DEL, C1, line and paragraph separators, and the marks that turn the writing direction.
bool ControlsDisplay(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool HasDisplayControl(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (ControlsDisplay(NextCodePoint(text, at))) return true;
  }
  return false;
}

int CountCodePoints(std::string_view text) {
  int count = 0;
  for (size_t at = 0; at < text.size(); ++count) NextCodePoint(text, at);
  return count;
}

std::string Words(const NumberRange& range) {
  return absl::StrFormat("must be %s %.15g and %s %.15g", range.low_open ? "above" : "at least",
                         range.low, range.high_open ? "below" : "at most", range.high);
}

}  // namespace

std::string Echo(std::string_view text) {
  const std::string_view head = text.substr(0, kMaxEchoed);
  return absl::StrCat("\"", absl::CEscape({head.data(), head.size()}),
                      head.size() < text.size() ? "\"…" : "\"");
}

void FieldChecks::Add(std::string_view field, std::string_view description) {
  violations_.push_back({std::string(field), std::string(description)});
}

void FieldChecks::Number(std::string_view field, double value, const NumberRange& range) {
  const bool low_ok = range.low_open ? value > range.low : value >= range.low;
  const bool high_ok = range.high_open ? value < range.high : value <= range.high;
  if (std::isfinite(value) && low_ok && high_ok) return;
  Add(field, absl::StrFormat("%s, got %.15g", Words(range), value));
}

void FieldChecks::Integer(std::string_view field, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  Add(field, absl::StrCat("must be between ", low, " and ", high, ", got ", value));
}

bool FieldChecks::Count(std::string_view field, int entries, int most) {
  if (entries <= most) return true;
  Add(field, absl::StrCat("may have at most ", most, " entries, got ", entries));
  return false;
}

void FieldChecks::AtLeast(std::string_view field, int64_t value, int64_t low) {
  if (value >= low) return;
  Add(field, absl::StrCat("must be at least ", low, ", got ", value));
}

void FieldChecks::Reference(std::string_view field, std::string_view collection,
                            const std::string& name) {
  const absl::string_view kind(collection.data(), collection.size());
  if (name.empty()) {
    Add(field, absl::StrCat("is required: a name like \"", kind, "/my-", kind, "\""));
    return;
  }
  const auto id = ParseResourceName(collection, name);
  if (!id.ok()) Add(field, std::string(id.status().message()));
}

void FieldChecks::DisplayText(std::string_view field, const std::string& text, int max_characters) {
  if (const int count = CountCodePoints(text); count > max_characters) {
    Add(field, absl::StrCat("may have at most ", max_characters, " characters, got ", count));
  } else if (HasDisplayControl(text)) {
    Add(field, absl::StrCat("must not have control characters or marks that turn the writing "
                            "direction, got ",
                            Echo(text)));
  }
}

void FieldChecks::Pairs(std::string_view field,
                        const google::protobuf::Map<std::string, std::string>& pairs, int max_pairs,
                        int max_bytes) {
  if (static_cast<int>(pairs.size()) > max_pairs) {
    Add(field, absl::StrCat("may have at most ", max_pairs, " pairs, got ", pairs.size()));
    return;
  }
  for (const auto& [key, value] : pairs) {
    const bool sized = !key.empty() && static_cast<int>(key.size()) <= max_bytes &&
                       static_cast<int>(value.size()) <= max_bytes;
    if (!sized || HasDisplayControl(key) || HasDisplayControl(value)) {
      Add(field,
          absl::StrCat("keys must have 1 to ", max_bytes, " bytes and values at most ", max_bytes,
                       ", without control characters; got ", Echo(key), " = ", Echo(value)));
    }
  }
}

void FieldChecks::Duration(std::string_view field, const google::protobuf::Duration& duration,
                           int64_t low_seconds, int64_t high_seconds) {
  const bool sound = duration.nanos() >= 0 && duration.nanos() < 1'000'000'000;
  if (sound && duration.seconds() >= low_seconds && duration.seconds() <= high_seconds) return;
  Add(field, absl::StrCat("must be between ", low_seconds, " s and ", high_seconds, " s, got ",
                          duration.seconds(), " s and ", duration.nanos(), " ns"));
}

}  // namespace attune
