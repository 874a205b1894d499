// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "gmock/gmock.h"
#include "tests/formats/datasets/scan.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Scanned Csv(std::string_view bytes, std::vector<std::string> texts = {"text"}) {
  return Scan("csv", bytes, std::move(texts));
}

TEST(DelimitedText, ReadsNamedColumnsInAnyOrder) {
  const Scanned csv = Csv("label,source,text\npos,web,good movie\nneg,web,bad\n");
  ASSERT_EQ(csv.examples.size(), 2u);
  EXPECT_THAT(csv.examples[0].texts, ElementsAre("good movie"));
  EXPECT_THAT(csv.examples[0].labels, ElementsAre("pos"));
  EXPECT_EQ(csv.examples[1].line, 3);
  EXPECT_THAT(csv.scan.ignored_columns, ElementsAre("source"));
  EXPECT_TRUE(csv.scan.problems.empty());
}

TEST(DelimitedText, ReadsPairs) {
  const Scanned tsv = Scan("tsv", "a\tlabel\tb\nx\t1\ty\n", {"b", "a"});
  ASSERT_EQ(tsv.examples.size(), 1u);
  EXPECT_THAT(tsv.examples[0].texts, ElementsAre("y", "x"));
}

TEST(DelimitedText, KeepsQuotesCommasAndNewlinesInsideQuotes) {
  const Scanned csv = Csv("text,label\r\n\"a \"\"b\"\", c\r\nd\",pos\r\n=cmd(),neg");
  ASSERT_EQ(csv.examples.size(), 2u);
  EXPECT_THAT(csv.examples[0].texts, ElementsAre("a \"b\", c\r\nd"));
  EXPECT_THAT(csv.examples[1].texts, ElementsAre("=cmd()"));
  EXPECT_EQ(csv.examples[1].line, 4);
}

TEST(DelimitedText, TakesAQuoteInsideAFieldAsItIs) {
  const Scanned csv = Csv("text,label\n5\" disk,pos\n");
  ASSERT_EQ(csv.examples.size(), 1u);
  EXPECT_THAT(csv.examples[0].texts, ElementsAre("5\" disk"));
}

TEST(DelimitedText, SkipsEmptyLinesAndAByteOrderMark) {
  const Scanned csv = Csv("\xEF\xBB\xBFtext,label\n\na,1\n\r\nb,2\n\n");
  ASSERT_EQ(csv.examples.size(), 2u);
  EXPECT_EQ(csv.examples[1].line, 5);
}

TEST(DelimitedText, NamesTheMissingColumnAndTheNearestOne) {
  const Scanned csv = Csv("text,label,source\na,b,c\n", {"txt"});
  EXPECT_EQ(csv.OnlyProblem(), "1:1 no column 'txt'; the file has: text, label, source");
  EXPECT_EQ(csv.scan.problems.first()[0].remedy, "Did you mean 'text'?");
}

TEST(DelimitedText, RefusesAColumnNamedTwice) {
  EXPECT_EQ(Csv("text,label,text\na,b,c\n").OnlyProblem(), "1:12 two columns are named 'text'");
}

TEST(DelimitedText, NamesThePlaceWhereAnUnclosedQuoteOpened) {
  EXPECT_EQ(Csv("text,label\na,1\nb\xC3\xA9,\"2\nc,3\nd,4\n").OnlyProblem(),
            "3:4 the quote that opens here is never closed");
}

TEST(DelimitedText, RefusesTextAfterAClosingQuote) {
  EXPECT_EQ(Csv("text,label\n\"a\"b,1\nc,2\n").OnlyProblem(),
            "2:4 text follows the closing quote of a field");
}

TEST(DelimitedText, RefusesRaggedRowsAndReadsOn) {
  const Scanned csv = Csv("text,label\na\nb,1\nc,2,3\n");
  ASSERT_EQ(csv.scan.problems.count(), 2);
  EXPECT_EQ(csv.scan.problems.first()[0].message, "expected 2 fields as in the header, found 1");
  EXPECT_EQ(csv.scan.problems.first()[1].line, 4);
  EXPECT_EQ(csv.examples.size(), 1u);
}

TEST(DelimitedText, RefusesTooManyColumns) {
  EXPECT_THAT(Csv(std::string(100'000, ',') + "\n").OnlyProblem(),
              HasSubstr("more than 1024 columns"));
}

TEST(DelimitedText, RefusesLinesThatEndInCarriageReturnOnly) {
  EXPECT_EQ(Csv("text,label\ra,1\rb,2\r").OnlyProblem(), "1:11 the line ends in CR without LF");
}

TEST(DelimitedText, NamesThePlaceOfInvalidUtf8) {
  EXPECT_EQ(Csv("text,label\n\"\xC3\xA9\n\xC3\xA9x\xC0\x80\",1\nc,2\n").OnlyProblem(),
            "3:3 not valid UTF-8");
  EXPECT_EQ(Csv(std::string("text,label\na\0b,1\nc,2\n", 21)).OnlyProblem(), "2:2 a NUL byte");
}

TEST(DelimitedText, RefusesAnEmptyLabelAtItsPlace) {
  EXPECT_EQ(Csv("text,label\na,1\nb, \n").OnlyProblem(), "3:3 the label is empty");
}

TEST(DelimitedText, RefusesALabelThatLooksLikeAText) {
  EXPECT_THAT(Csv("text,label\na,1\nb," + std::string(201, 'x') + "\n").OnlyProblem(),
              StartsWith("3:3 the label has 201 characters"));
}

TEST(DelimitedText, ReadsOverARecordThatIsTooLong) {
  const std::string limit(kMaxRecordBytes - 2, 'x');
  const Scanned csv = Csv("text,label\n" + limit + ",1\n" + limit + "xx,1\nc,2\n");
  EXPECT_EQ(csv.OnlyProblem(), "3:1 the record is longer than 1048576 bytes");
  EXPECT_EQ(csv.examples.size(), 2u);
}

TEST(DelimitedText, KeepsTheFirstHundredErrorsAndCountsAll) {
  std::string bytes = "text,label\n";
  for (int i = 0; i < 1000; ++i) bytes += "only\n";
  const Scanned csv = Csv(bytes);
  EXPECT_EQ(csv.scan.problems.count(), 1000);
  EXPECT_EQ(csv.scan.problems.first().size(), 100u);
  for (const Problem& problem : csv.scan.problems.first()) EXPECT_NE(problem.remedy, "");
}

}  // namespace
}  // namespace attune
