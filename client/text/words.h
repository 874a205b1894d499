// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace attune {

std::string DurationText(absl::Duration duration);     // "0.4s", "45s", "6m02s", "1h02m", "3d4h"
std::string CountdownText(absl::Duration duration);    // "0:07", "3:10", "1:02:03"
std::string AgeText(absl::Time then, absl::Time now);  // "3m ago"; "-" for the epoch or before
std::string CountText(int64_t count);                  // "1,917"
std::string BytesText(int64_t bytes);                  // "512 B", "1.5 MiB"
std::string RateText(double per_second);               // "1,917", "3.2"
std::string MetricText(double value);                  // "0.846", "1.25e-05"
// Of a metric by its name: "72.8" for those in per cent, which are BLEU and chrF.
std::string MetricText(std::string_view metric, double value);
std::string MetricName(std::string_view metric);  // "macro_f1" → "macro F1", "chrf" → "chrF"

// What a terminal may show: control characters, escape sequences and text direction overrides
// become '?'; invalid UTF-8 too. Newlines and tabs stay when `multiline`.
std::string Printable(std::string_view text, bool multiline = false);

// Columns of UTF-8 text, each code point counting one.
int DisplayWidth(std::string_view text);

// "WAITING_FOR_WORKER" → "waiting for worker".
std::string EnumWords(std::string_view name);

}  // namespace attune
