// SPDX-License-Identifier: Apache-2.0
#include "client/text/words.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(Words, SayDurationsWithTwoUnits) {
  EXPECT_EQ(DurationText(absl::Milliseconds(420)), "0.4s");
  EXPECT_EQ(DurationText(absl::Milliseconds(9960)), "10s");
  EXPECT_EQ(DurationText(absl::Seconds(59.6)), "1m00s");
  EXPECT_EQ(DurationText(absl::Seconds(362)), "6m02s");
  EXPECT_EQ(DurationText(absl::Hours(1) + absl::Minutes(2)), "1h02m");
  EXPECT_EQ(DurationText(absl::Hours(76)), "3d4h");
  EXPECT_EQ(DurationText(-absl::Seconds(5)), "0.0s");
}

TEST(Words, CountDown) {
  EXPECT_EQ(CountdownText(absl::Seconds(7)), "0:07");
  EXPECT_EQ(CountdownText(absl::Seconds(190)), "3:10");
  EXPECT_EQ(CountdownText(absl::Seconds(3723)), "1:02:03");
}

TEST(Words, SayAges) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(AgeText(now - absl::Seconds(3), now), "3s ago");
  EXPECT_EQ(AgeText(now - absl::Minutes(3), now), "3m ago");
  EXPECT_EQ(AgeText(now - absl::Hours(50), now), "2d ago");
  EXPECT_EQ(AgeText(now + absl::Hours(1), now), "0s ago");
  EXPECT_EQ(AgeText(absl::UnixEpoch(), now), "-");
}

TEST(Words, GroupDigits) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(2128), "2,128");
  EXPECT_EQ(CountText(-1234567), "-1,234,567");
  EXPECT_EQ(CountText(-123), "-123");
}

TEST(Words, RoundNumbers) {
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(90'900'000), "86.7 MiB");
  EXPECT_EQ(RateText(1917.4), "1,917");
  EXPECT_EQ(RateText(3.24), "3.2");
  EXPECT_EQ(MetricText(0.8456), "0.846");
  EXPECT_EQ(MetricText(1.25e-5), "1.25e-05");
  EXPECT_EQ(MetricText(0), "0.000");
  EXPECT_EQ(MetricText("bleu", 48.649), "48.6");
  EXPECT_EQ(MetricText("accuracy", 0.8456), "0.846");
  EXPECT_EQ(MetricName("chrf"), "chrF");
  EXPECT_EQ(MetricName("token_accuracy"), "token accuracy");
}

TEST(Words, DisarmWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("a\x1b[31mb\r\n"), "a?[31mb??");
  EXPECT_EQ(Printable("a\nb\tc", /*multiline=*/true), "a\nb\tc");
  EXPECT_EQ(Printable("Größe █"), "Größe █");
  EXPECT_EQ(Printable("x\u202ey\u2066z"), "x?y?z");
  EXPECT_EQ(Printable("\xc2\x9b"), "?") << "a C1 control is an escape sequence of its own";
  EXPECT_EQ(Printable("\xff\xc0\xaf"), "???");
  EXPECT_EQ(Printable("\xe2\x82"), "??") << "cut in the middle of a character";
}

TEST(Words, MeasureCharactersRatherThanBytes) {
  EXPECT_EQ(DisplayWidth("██░"), 3);
  EXPECT_EQ(DisplayWidth(""), 0);
}

}  // namespace
}  // namespace attune
