// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"

namespace attune {
namespace {

// FIPS 180-2, appendix B.
constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kOfAMillionA[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, GivesTheStandardsDigests) {
  EXPECT_EQ(Sha256::Hex("abc"), kOfAbc);
  EXPECT_EQ(Sha256::Hex(""), kOfNothing);
}

TEST(Sha256, IsTheSameHoweverTheDataIsCut) {
  Sha256 sha256;
  sha256.Update("a");
  sha256.Update("");
  sha256.Update("bc");
  EXPECT_EQ(sha256.HexDigest(), kOfAbc);
}

TEST(DigestFile, ReadsThroughAFileOfManyChunks) {
  TempDir dir;
  const std::string path = dir.Path("a");
  ASSERT_TRUE(PosixFileSystem().WriteFileAtomically(path, std::string(1'000'000, 'a')).ok());
  const auto digest = DigestFile(PosixFileSystem(), path);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(digest->sha256, kOfAMillionA);
  EXPECT_EQ(digest->size_bytes, 1'000'000);
}

TEST(DigestFile, SaysThatAFileIsMissing) {
  TempDir dir;
  EXPECT_TRUE(absl::IsNotFound(DigestFile(PosixFileSystem(), dir.Path("absent")).status()));
}

TEST(IsSha256Hex, TakesOnly64LowerCaseHexDigits) {
  const std::string digest = kOfAbc;
  EXPECT_TRUE(IsSha256Hex(digest));
  EXPECT_FALSE(IsSha256Hex(""));
  EXPECT_FALSE(IsSha256Hex(digest.substr(1)));
  EXPECT_FALSE(IsSha256Hex(digest + "0"));
  EXPECT_FALSE(IsSha256Hex("B" + digest.substr(1)));
  EXPECT_FALSE(IsSha256Hex("g" + digest.substr(1)));
}

TEST(ConstantTimeEquals, ComparesWholeTexts) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("token", "token"));
  EXPECT_FALSE(ConstantTimeEquals("token", "tokem"));
  EXPECT_FALSE(ConstantTimeEquals("token", "toke"));
}

}  // namespace
}  // namespace attune
