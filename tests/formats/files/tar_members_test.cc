// SPDX-License-Identifier: Apache-2.0
#include "formats/files/tar_members.h"

#include <random>

#include "gmock/gmock.h"
#include "tests/formats/tar_file.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Listed {
  std::vector<std::string> names, contents;
  Problems problems;
  std::string FirstProblem() const { return problems.empty() ? "" : ToText(problems.first()[0]); }
};

Listed List(const std::string& bytes) {
  TempFolder folder;
  const auto file = RegularFile::Open(folder.Write("a.tar", bytes));
  EXPECT_TRUE(file.ok()) << file.status();
  Listed listed;
  const auto members = ListTar(*file, 1000, listed.problems);
  EXPECT_TRUE(members.ok()) << members.status();
  for (const TarMember& member : *members) {
    listed.names.push_back(member.name);
    listed.contents.push_back(bytes.substr(static_cast<size_t>(member.data.offset),
                                           static_cast<size_t>(member.data.size_bytes)));
    EXPECT_EQ(static_cast<int64_t>(listed.contents.back().size()), member.data.size_bytes);
  }
  return listed;
}

TEST(TarMembers, AreListedByNameWithWhereTheyLie) {
  const Listed listed =
      List(TarFile().Add("b/2", "two").Add("a/", "", '5').Add("./a//1", "").Finished());
  EXPECT_THAT(listed.names, ElementsAre("a/1", "b/2"));
  EXPECT_THAT(listed.contents, ElementsAre("", "two"));
  EXPECT_TRUE(listed.problems.empty());
}

TEST(TarMembers, MayHaveLongNames) {
  const std::string name = std::string(200, 'd') + "/é.png";
  const std::string prefixed = TarFile::Header("name.png", 1, '0', "some/folder");
  const Listed listed = List(TarFile()
                                 .AddPax("path", name)
                                 .Add("short", "pax")
                                 .AddGnuLongName("g" + name)
                                 .Add("short", "gnu")
                                 .Add("kept", "own")
                                 .AddRaw(prefixed + "x" + std::string(511, '\0'))
                                 .Finished());
  EXPECT_THAT(listed.names, ElementsAre(name, "g" + name, "kept", "some/folder/name.png"));
  EXPECT_THAT(listed.contents, ElementsAre("pax", "gnu", "own", "x"));
}

TEST(TarMembers, MayHaveTheirSizeInAPaxRecordOrInBinary) {
  std::string header = TarFile::Header("binary", 0, '0');
  header.replace(124, 12, std::string("\x80\0\0\0\0\0\0\0\0\0\0\x03", 12));
  const Listed listed =
      List(TarFile()
               .AddPax("size", "4")
               .AddRaw(TarFile::Header("pax", 0, '0') + "four" + std::string(508, '\0'))
               .AddRaw(TarFile::WithChecksum(header) + "abc" + std::string(509, '\0'))
               .Finished());
  EXPECT_THAT(listed.contents, ElementsAre("abc", "four"));
}

TEST(TarMembers, AreNoLinksDevicesOrSparseFiles) {
  EXPECT_EQ(List(TarFile().Add("a", "x").Add("l", "", '2').Finished()).FirstProblem(),
            "l: a link; only plain files are read. Put the file itself into the archive (tar -h "
            "follows links), or leave it out.");
  EXPECT_THAT(List(TarFile().Add("h", "", '1').Finished()).FirstProblem(), HasSubstr("a link"));
  EXPECT_THAT(List(TarFile().Add("d", "", '3').Finished()).FirstProblem(), HasSubstr("a device"));
  EXPECT_THAT(List(TarFile().Add("p", "", '6').Finished()).FirstProblem(), HasSubstr("a pipe"));
  EXPECT_THAT(List(TarFile().Add("s", "xy", 'S').Finished()).FirstProblem(), HasSubstr("sparse"));
  const Listed pax = List(TarFile().AddPax("GNU.sparse.major", "1").Add("s", "xy").Finished());
  EXPECT_THAT(pax.FirstProblem(), HasSubstr("sparse"));
  EXPECT_TRUE(pax.names.empty());
}

TEST(TarMembers, HaveNamesBelowTheTop) {
  EXPECT_THAT(List(TarFile().Add("a/../../b", "x").Finished()).FirstProblem(),
              StartsWith("a/../../b: a name with '..' in it"));
  EXPECT_THAT(List(TarFile().Add("/etc/b", "x").Finished()).FirstProblem(),
              HasSubstr("an absolute name"));
  EXPECT_THAT(List(TarFile().Add("a\xFFz", "x").Finished()).FirstProblem(),
              HasSubstr("a?z: a name that is not UTF-8"));
  EXPECT_THAT(List(TarFile().Add("", "x").Finished()).FirstProblem(),
              HasSubstr("a member without a name"));
  EXPECT_THAT(List(TarFile().AddPax("path", std::string("a\0b", 3)).Add("x", "x").Finished())
                  .FirstProblem(),
              HasSubstr("a NUL character"));
}

TEST(TarMembers, HaveDifferentNames) {
  const Listed listed =
      List(TarFile().Add("a", "1").Add("b", "").Add("./a", "2").Add("a", "3").Finished());
  EXPECT_EQ(listed.problems.count(), 1);
  EXPECT_THAT(listed.FirstProblem(), StartsWith("a: the archive has this name twice"));
}

TEST(TarMembers, AreLimitedInNumber) {
  TempFolder folder;
  const auto file =
      RegularFile::Open(folder.Write("t", TarFile().Add("a", "").Add("b", "").Finished()));
  Problems problems;
  EXPECT_TRUE(ListTar(*file, 2, problems).ok());
  EXPECT_EQ(ListTar(*file, 1, problems).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(TarMembers, AreNotReadFromCompressedFilesOrOthers) {
  const std::string rest(600, 'x');
  EXPECT_EQ(List("\x1F\x8B\x08" + rest).FirstProblem(),
            "this is a gzip archive, not a plain tar. Unpack it, and make a tar without "
            "compression.");
  EXPECT_THAT(List("\xFF\xD8\xFF\xE0" + rest).FirstProblem(),
              HasSubstr("this is a JPEG image, not a plain tar"));
  EXPECT_THAT(List("text,label\n" + rest).FirstProblem(), HasSubstr("this is no tar"));
  EXPECT_THAT(List("").FirstProblem(), HasSubstr("the archive is cut short"));
}

TEST(TarMembers, AreNotReadPastADamagedHeader) {
  std::string bytes = TarFile().Add("a", "x").Add("b", "y").Add("c", "z").Finished();
  bytes[2 * 512 + 3] = '!';
  const Listed listed = List(bytes);
  EXPECT_THAT(listed.names, ElementsAre("a"));
  EXPECT_THAT(listed.FirstProblem(), HasSubstr("the header at byte 1024 is damaged"));
  EXPECT_THAT(
      List(TarFile().Add("PaxHeader", "99 path=x\n", 'x').Add("a", "").Finished()).FirstProblem(),
      HasSubstr("the pax header before byte 1024 is damaged"));
}

TEST(TarMembers, EndWithTheArchive) {
  const std::string one = TarFile().Add("a", "x").Finished();
  EXPECT_EQ(List(one + std::string(8192, '\0')).FirstProblem(), "");
  EXPECT_THAT(List(one + one).FirstProblem(), HasSubstr("something follows the end"));
}

std::string WithBothKindsOfLongNames() {
  return TarFile()
      .AddPax("path", "a/long.png")
      .Add("x", std::string(700, 'x'))
      .AddGnuLongName("b/c")
      .Add("y", "y")
      .Finished();
}

TEST(TarMembers, OfEveryTruncatedArchiveAreAProblem) {
  const std::string bytes = WithBothKindsOfLongNames();
  ASSERT_TRUE(List(bytes).problems.empty());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(List(bytes.substr(0, length)).problems.empty()) << length;
  }
}

TEST(TarMembers, OfADamagedArchiveLieInsideIt) {
  const std::string bytes = WithBothKindsOfLongNames();
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    const size_t header = random() % 4 * 512;  // of the first three; the last is data
    const size_t at = header + random() % 512;
    damaged[at] = static_cast<char>(random());
    // Half of them with a checksum that is right again.
    if (i % 2 == 0)
      damaged.replace(header, 512, TarFile::WithChecksum(damaged.substr(header, 512)));
    List(damaged);  // checks each member's place
  }
}

}  // namespace
}  // namespace attune
