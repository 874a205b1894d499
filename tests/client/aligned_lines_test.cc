// SPDX-License-Identifier: Apache-2.0
#include "client/aligned_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class AlignedLinesTest : public ::testing::Test {
 protected:
  // The two files, in chunks of this many bytes.
  absl::StatusOr<std::string> Join(const std::string& source, const std::string& target,
                                   size_t chunk = 1 << 20) {
    const auto lines = AlignedLines::Make(PosixFileSystem(), folder_.Write("en", source),
                                          folder_.Write("pt", target));
    if (!lines.ok()) return lines.status();
    return ReadAll(**lines, chunk);
  }
  static absl::StatusOr<std::string> ReadAll(AlignedLines& lines, size_t chunk) {
    std::string all, part(chunk, '\0');
    while (true) {
      ATTUNE_ASSIGN_OR_RETURN(const size_t got,
                              lines.ReadAt(static_cast<int64_t>(all.size()), part.data(), chunk));
      if (got == 0) return all;
      all.append(part, 0, got);
    }
  }
  std::string Refusal(const std::string& source, const std::string& target) {
    const absl::Status status = Join(source, target).status();
    EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kLocalInput)) << status;
    return std::string(status.message());
  }

  Folder folder_;
};

constexpr char kJoined[] =
    "{\"source\": \"a cat\", \"target\": \"um gato\"}\n"
    "{\"source\": \"\\\"quoted\\\"\\ttext\", \"target\": \"t\xC3\xA3o\"}\n";

TEST_F(AlignedLinesTest, ALineOfEachMakesARow) {
  EXPECT_EQ(*Join("a cat\n\"quoted\"\ttext\n", "um gato\nt\xC3\xA3o\n"), kJoined);
  // Of whatever system, with or without a last newline.
  EXPECT_EQ(*Join("\xEF\xBB\xBF"
                  "a cat\r\n\"quoted\"\ttext",
                  "um gato\nt\xC3\xA3o\n"),
            kJoined);
  EXPECT_EQ(*Join("", ""), "");
}

TEST_F(AlignedLinesTest, IsTheSameInWhateverPartsItIsRead) {
  std::string source, target;
  for (int i = 0; i < 20'000; ++i) {
    source += "line " + std::to_string(i) + "\n";
    target += "linha " + std::to_string(i) + "\n";
  }
  const std::string whole = *Join(source, target);
  for (const size_t chunk : {7, 4096, 100'000}) {
    EXPECT_EQ(Sha256::Hex(*Join(source, target, chunk)), Sha256::Hex(whole)) << chunk;
  }
  // As an upload that goes on where another was cut, and then begins anew.
  const auto lines = AlignedLines::Make(PosixFileSystem(), folder_.Path("en"), folder_.Path("pt"));
  ASSERT_TRUE(lines.ok());
  std::string part(50, '\0');
  for (const int64_t offset : {500'000, 20, 500'010}) {
    ASSERT_EQ(*(*lines)->ReadAt(offset, part.data(), part.size()), part.size());
    EXPECT_EQ(part, whole.substr(static_cast<size_t>(offset), part.size())) << offset;
  }
}

TEST_F(AlignedLinesTest, LinesThatAreBlankOnBothSidesKeepTheirPlace) {
  EXPECT_EQ(*Join("a\n \nb\n", "c\n\nd\n"),
            "{\"source\": \"a\", \"target\": \"c\"}\n\n{\"source\": \"b\", \"target\": \"d\"}\n");
}

TEST_F(AlignedLinesTest, NamesBothCountsAndTheFirstOddLine) {
  EXPECT_THAT(Refusal("a\nb\nc\n", "d\ne\n"),
              HasSubstr("en has 3 lines and " + folder_.Path("pt") +
                        " 2 lines; line 3 is the first without a counterpart"));
  EXPECT_THAT(Refusal("a\nb\nc\n", "d\n\ne\nf\n"),
              HasSubstr("3 lines and " + folder_.Path("pt") +
                        " 4 lines; line 2 is the first that is empty in one of them"));
  EXPECT_THAT(Refusal("a\n", ""), HasSubstr("1 line and " + folder_.Path("pt") + " 0 lines"));
}

TEST_F(AlignedLinesTest, NamesTheLineThatCannotBeTaken) {
  EXPECT_THAT(Refusal("a\nb\n", "c\n\xFF\n"), HasSubstr("pt:2: the line is not UTF-8"));
  EXPECT_THAT(Refusal("a\n" + std::string(2 << 20, 'x') + "\n", "c\nd\n"),
              HasSubstr("en:2: the line is longer than 1 MiB"));
}

TEST_F(AlignedLinesTest, NamesTheFileThatIsNotThere) {
  const auto lines =
      AlignedLines::Make(PosixFileSystem(), folder_.Write("en", "a\n"), folder_.Path("absent"));
  EXPECT_THAT(std::string(lines.status().message()), HasSubstr("absent"));
}

}  // namespace
}  // namespace attune
