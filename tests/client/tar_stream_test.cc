// SPDX-License-Identifier: Apache-2.0
#include "client/tar_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/digest.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "tests/client/test_surroundings.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class TarStreamTest : public ::testing::Test {
 protected:
  TarMember Member(const std::string& name, const std::string& text) {
    const std::string path = folder_.Write("src/" + name, text);
    return {name, path, static_cast<int64_t>(text.size())};
  }
  static std::unique_ptr<TarStream> Make(const std::vector<TarMember>& members) {
    return *TarStream::Make(PosixFileSystem(), members);
  }
  static std::string ReadAll(TarStream& tar, size_t chunk) {
    std::string all, part(chunk, '\0');
    while (true) {
      const auto got = tar.ReadAt(static_cast<int64_t>(all.size()), part.data(), chunk);
      EXPECT_TRUE(got.ok()) << got.status();
      if (!got.ok() || *got == 0) return all;
      all.append(part, 0, *got);
    }
  }

  Folder folder_;
};

TEST_F(TarStreamTest, GnuTarUnpacksWhatItSays) {
  const std::string long_name = std::string(90, 'a') + "/" + std::string(90, 'b') + ".png";
  const std::string longer = std::string(120, 'c') + "/" + std::string(120, 'd') + ".png";
  const std::vector<TarMember> members = {Member("cat/1.png", std::string(1000, 'x')),
                                          Member("cat/empty.png", ""),
                                          Member("cät/2.png", std::string(512, 'y')),
                                          Member(long_name, "prefix"), Member(longer, "pax")};
  const auto tar = Make(members);
  folder_.Write("out.tar", ReadAll(*tar, 1 << 20));
  folder_.Write("out/x", "");
  const std::string command =
      "tar -x -f '" + folder_.Path("out.tar") + "' -C '" + folder_.Path("out") + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  for (const TarMember& member : members) {
    EXPECT_EQ(folder_.Read("out/" + member.name), folder_.Read("src/" + member.name))
        << member.name;
  }
}

TEST_F(TarStreamTest, SameFilesGiveTheSameBytesForEver) {
  const auto tar = Make({Member("a/1.png", "one"), Member("b/2.png", "two")});
  // Of `tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0 -b 1` with
  // the same two files.
  EXPECT_EQ(DigestFile(*tar)->sha256,
            "ae9d65b5b067701f94fa2a360c20b3af8f33e4d7a6aeaf9c891d451926917d29");
  EXPECT_EQ(*tar->Size(), 6 * 512);
}

TEST_F(TarStreamTest, ReadsTheSameInChunksOfAnySize) {
  const auto tar = Make({Member("a/1.png", std::string(700, 'x')), Member("b/2.png", "two")});
  const std::string whole = ReadAll(*tar, 1 << 20);
  EXPECT_EQ(whole.size(), static_cast<size_t>(*tar->Size()));
  for (const size_t chunk : {1, 7, 511, 512, 513, 1500}) EXPECT_EQ(ReadAll(*tar, chunk), whole);
  char byte = 0;
  EXPECT_EQ(*tar->ReadAt(*tar->Size() + 5, &byte, 1), 0u);
}

TEST_F(TarStreamTest, AFileThatGrewShrankOrWentIsNamed) {
  const TarMember member = Member("a/1.png", "one");
  const auto tar = Make({member});
  for (const char* text : {"o", "more"}) {
    folder_.Write("src/a/1.png", text);
    const absl::Status status = DigestFile(*tar).status();
    EXPECT_EQ(ErrorReasonOf(status), ReasonName(ClientReason::kLocalInput));
    EXPECT_THAT(std::string(status.message()), HasSubstr("a/1.png changed while it was read"));
  }
  std::filesystem::remove(member.path);
  EXPECT_THAT(std::string(DigestFile(*tar).status().message()), HasSubstr("a/1.png"));
}

TEST_F(TarStreamTest, AMemberIsBelowEightGibibytes) {
  EXPECT_EQ(TarStream::Make(PosixFileSystem(), {{"a", "/a", int64_t{8} << 30}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attune
