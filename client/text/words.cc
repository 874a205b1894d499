// SPDX-License-Identifier: Apache-2.0
#include "client/text/words.h"

#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace attune {
namespace {

constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;

// The code point at the start of `text` and its length; length 0: not UTF-8.
struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;
};

CodePoint Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || lead > 0xf4 || text.size() < length) return {};
  uint32_t value = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
    return {};
  }
  return {value, length};
}

bool IsHarmless(uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  const bool turns_text =
      c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  return !turns_text && c != 0x2028 && c != 0x2029;
}

}  // namespace

std::string DurationText(absl::Duration duration) {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
  if (seconds < 9.95) return absl::StrFormat("%.1fs", seconds);
  const auto total = static_cast<int64_t>(std::llround(seconds));
  if (total < kMinute) return absl::StrCat(total, "s");
  if (total < kHour) return absl::StrFormat("%dm%02ds", total / kMinute, total % kMinute);
  if (total < kDay) return absl::StrFormat("%dh%02dm", total / kHour, total % kHour / kMinute);
  return absl::StrFormat("%dd%dh", total / kDay, total % kDay / kHour);
}

std::string CountdownText(absl::Duration duration) {
  const auto total =
      static_cast<int64_t>(std::llround(std::max(0.0, absl::ToDoubleSeconds(duration))));
  if (total < kHour) return absl::StrFormat("%d:%02d", total / kMinute, total % kMinute);
  return absl::StrFormat("%d:%02d:%02d", total / kHour, total % kHour / kMinute, total % kMinute);
}

std::string AgeText(absl::Time then, absl::Time now) {
  if (then <= absl::UnixEpoch()) return "-";
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(now - then));
  if (seconds < kMinute) return absl::StrCat(seconds, "s ago");
  if (seconds < kHour) return absl::StrCat(seconds / kMinute, "m ago");
  if (seconds < kDay) return absl::StrCat(seconds / kHour, "h ago");
  return absl::StrCat(seconds / kDay, "d ago");
}

std::string CountText(int64_t count) {
  std::string digits = absl::StrCat(count);
  const int first = count < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) digits.insert(at, 1, ',');
  return digits;
}

std::string BytesText(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string RateText(double per_second) {
  if (per_second < 9.95) return absl::StrFormat("%.1f", per_second);
  return CountText(std::llround(per_second));
}

std::string MetricText(double value) {
  const double size = std::fabs(value);
  if (size != 0 && size < 0.001) return absl::StrFormat("%.3g", value);
  return absl::StrFormat("%.3f", value);
}

std::string MetricText(std::string_view metric, double value) {
  const bool per_cent = metric == "bleu" || metric == "chrf";
  return per_cent ? absl::StrFormat("%.1f", value) : MetricText(value);
}

std::string MetricName(std::string_view metric) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames = {
      {{"macro_f1", "macro F1"},
       {"micro_f1", "micro F1"},
       {"weighted_f1", "weighted F1"},
       {"auc", "AUC"},
       {"rmse", "RMSE"},
       {"bleu", "BLEU"},
       {"chrf", "chrF"}}};
  for (const auto& [name, words] : kNames) {
    if (metric == name) return std::string(words);
  }
  return EnumWords(metric);
}

std::string Printable(std::string_view text, bool multiline) {
  std::string result;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    const size_t length = std::max<size_t>(1, point.length);
    const bool keep = point.length > 0 && (IsHarmless(point.value) ||
                                           (multiline && (text[0] == '\n' || text[0] == '\t')));
    result.append(keep ? text.substr(0, length) : "?");
    text.remove_prefix(length);
  }
  return result;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return width;
}

std::string EnumWords(std::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(std::string(name)), {{"_", " "}});
}

}  // namespace attune
