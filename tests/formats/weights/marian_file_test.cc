// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/marian_file.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Type = MarianType;

// Where the parts of Write()'s file begin: three entries, "m", "Wemb", "special:model.yml", whose
// last dimension is one.
constexpr size_t kEntries = 16, kEntryBytes = 32, kNames = kEntries + 3 * kEntryBytes;
constexpr size_t kShapes = kNames + 2 + 5 + 18, kPadding = kShapes + 8 + 8 + 4;
constexpr size_t kData = 256;

class MarianFileTest : public ::testing::Test {
 protected:
  // A matrix [2, 3] of float32 or intgemm8, and an embedding [2, 2] of intgemm8.
  std::string Write(Type type = Type::kFloat32) {
    const std::vector<float> matrix = {1, 2, 3, 4, 5, -6}, embedding = {0.5, -1, 0.25, 0};
    const std::vector<MarianTensorToWrite> tensors = {
        {{"m", type, {2, 3}, 0}, matrix}, {{"Wemb", Type::kIntgemm8, {2, 2}, 0}, embedding}};
    EXPECT_TRUE(WriteMarianFile(folder_.Path("m.bin"), "a: b\n", tensors).ok());
    return folder_.Read("m.bin");
  }
  absl::StatusOr<MarianFile> Open(const std::string& bytes) {
    auto file = RegularFile::Open(folder_.Write("opened", bytes));
    return MarianFile::Open(*std::move(file), "m.bin");
  }
  std::string Error(const std::string& bytes) {
    const auto file = Open(bytes);
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ErrorReasonOf(file.status()), "INVALID_MODEL");
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("m.bin: "));
    return std::string(file.status().message());
  }
  template <typename T>
  static std::string With(std::string bytes, size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
    return bytes;
  }
  static std::vector<float> Values(const MarianFile& file, const char* name) {
    std::vector<float> values(static_cast<size_t>(file.Find(name)->elements()));
    EXPECT_TRUE(file.ReadFloats(*file.Find(name), absl::MakeSpan(values)).ok());
    return values;
  }
  TempFolder folder_;
};

TEST_F(MarianFileTest, ReadsWhatWasWritten) {
  const auto file = Open(Write());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->settings(), "a: b\n");
  ASSERT_EQ(file->tensors().size(), 2);
  EXPECT_THAT(file->Find("m")->shape, ElementsAre(2, 3));
  EXPECT_FALSE(file->Find("m")->transposed());
  EXPECT_THAT(Values(*file, "m"), ElementsAre(1, 2, 3, 4, 5, -6));
  EXPECT_EQ(file->Find("none"), nullptr);
}

TEST_F(MarianFileTest, RoundsQuantisedValuesToOneOf255) {
  const auto file = Open(Write(Type::kIntgemm8));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->Find("m")->transposed());
  EXPECT_FALSE(file->Find("Wemb")->transposed());
  const float step = 6 / 127.0F;
  const std::vector<float> values = Values(*file, "m");
  EXPECT_FLOAT_EQ(values[5], -6);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(values[i], static_cast<float>(i + 1), step);
    EXPECT_NEAR(values[i] / step, std::round(values[i] / step), 1e-4);
  }
}

TEST_F(MarianFileTest, KeepsSmallChangesOfQuantisedValuesOnAverage) {
  constexpr size_t kValues = 20'000;
  std::vector<float> moved(kValues), still(kValues);
  for (size_t i = 0; i < kValues; ++i) {
    still[i] = static_cast<float>(static_cast<int>(i % 255) - 127) / 50.0F;
    moved[i] = i < 255 ? still[i] : still[i] + (i % 2 == 0 ? 0.3F : -0.1F) / 50.0F;
  }
  const std::vector<MarianTensorToWrite> tensors = {
      {{"still", Type::kIntgemm8, {1, kValues}, 0}, still},
      {{"moved", Type::kIntgemm8, {1, kValues}, 0}, moved}};
  ASSERT_TRUE(WriteMarianFile(folder_.Path("m.bin"), "a: b\n", tensors).ok());
  const auto file = Open(folder_.Read("m.bin"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(Values(*file, "still"), ::testing::Pointwise(::testing::FloatEq(), still));
  const std::vector<float> read = Values(*file, "moved");
  double even = 0, odd = 0;
  for (size_t i = 0; i < kValues; ++i) (i % 2 == 0 ? even : odd) += read[i] - still[i];
  EXPECT_NEAR(even / (kValues / 2) * 50, 0.3, 0.02);
  EXPECT_NEAR(odd / (kValues / 2) * 50, -0.1, 0.02);
}

TEST_F(MarianFileTest, PlacesDataAtMultiplesOf256) {
  const std::string bytes = Write(Type::kIntgemm8);
  const auto file = Open(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->Find("m")->offset, kData);
  EXPECT_THAT(file->Find("Wemb")->offset, kData + 256);
  EXPECT_EQ(bytes.size(), kData + 2 * 256 + 6);
  EXPECT_EQ(static_cast<int8_t>(bytes[kData + 5]), -127);
}

TEST_F(MarianFileTest, WritesZeroesWithAnyScale) {
  const std::vector<float> zeroes(4);
  const std::vector<MarianTensorToWrite> tensors = {{{"z", Type::kIntgemm8, {2, 2}, 0}, zeroes}};
  ASSERT_TRUE(WriteMarianFile(folder_.Path("z"), "a: b", tensors).ok());
  const auto file = Open(folder_.Read("z"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(Values(*file, "z"), ElementsAre(0, 0, 0, 0));
}

TEST_F(MarianFileTest, KnowsAFileByItsBeginning) {
  EXPECT_TRUE(IsMarianFile(Write()));
  EXPECT_FALSE(IsMarianFile(std::string_view("\1\0\0\0\0\0\0", 7)));
  EXPECT_FALSE(IsMarianFile("PK\x03\x04 and more"));
}

TEST_F(MarianFileTest, RefusesAnotherVersion) {
  EXPECT_THAT(Error(With(Write(), 0, uint64_t{2})), HasSubstr("it is of version 2"));
}

TEST_F(MarianFileTest, RefusesCountsThatCannotBe) {
  EXPECT_THAT(Error(With(Write(), 8, uint64_t{1} << 60)), HasSubstr("at most 65536"));
  EXPECT_THAT(Error(With(Write(), 8, uint64_t{60'000})), HasSubstr("the list of its tensors"));
  EXPECT_THAT(Error(With(Write(), kEntries, uint64_t{1} << 40)),
              HasSubstr("a name of 1099511627776"));
  EXPECT_THAT(Error(With(Write(), kEntries, uint64_t{1})), HasSubstr("a name of 1 bytes"));
  EXPECT_THAT(Error(With(Write(), kEntries + 16, uint64_t{9})), HasSubstr("9 dimensions"));
  EXPECT_THAT(Error(With(Write(), kEntries + 16, uint64_t{0})), HasSubstr("0 dimensions"));
}

TEST_F(MarianFileTest, RefusesShapesThatOverflow) {
  for (const int32_t size : {0, -3, std::numeric_limits<int32_t>::max()}) {
    EXPECT_THAT(Error(With(Write(), kShapes, size)), HasSubstr("tensor 'm' has a shape")) << size;
  }
  EXPECT_THAT(Error(With(Write(), kShapes, int32_t{200})), HasSubstr("tensor 'm' has 256 bytes"));
}

TEST_F(MarianFileTest, RefusesDataThatIsNotWhereItShouldBe) {
  const std::string good = Write();
  EXPECT_THAT(Error(With(good, kPadding, uint64_t{3})), HasSubstr("no multiple of 256"));
  EXPECT_THAT(Error(With(good, kPadding, uint64_t{1} << 50)), HasSubstr("no multiple of 256"));
  EXPECT_THAT(Error(With(good, kEntries + 24, uint64_t{512})), HasSubstr("its shape needs 24"));
  EXPECT_THAT(Error(With(good, kEntries + 24, ~uint64_t{0})), HasSubstr("ends within tensor 'm'"));
  EXPECT_THAT(Error(good + "more"), HasSubstr("4 bytes follow the last tensor"));
  for (const size_t size : {good.size() - 1, kData + 1, kShapes + 1, kNames + 1, kEntries + 1}) {
    EXPECT_THAT(Error(good.substr(0, size)), HasSubstr("it ends within")) << size;
  }
}

TEST_F(MarianFileTest, RefusesNamesTwiceAndWithoutEnd) {
  EXPECT_THAT(Error(With(Write(), kNames + 1, 'x')), HasSubstr("the name of tensor 0"));
  std::string same = Write();
  same = With(same, kEntries + kEntryBytes, uint64_t{2});
  same.replace(kNames, 25, std::string("m\0m\0special:model.y\0\0\0\0\0\0", 25));
  same = With(same, kEntries + 2 * kEntryBytes, uint64_t{21});
  EXPECT_FALSE(Open(same).ok());
}

TEST_F(MarianFileTest, RefusesOtherTypes) {
  EXPECT_THAT(Error(With(Write(), kEntries + 8, uint64_t{0x4102})),
              HasSubstr("tensor 'm' is of Marian's type 0x4102"));
  EXPECT_THAT(Error(With(Write(Type::kIntgemm8), kEntries + 8, uint64_t{0x0101})),
              HasSubstr("type 0x101; weights must be float32 (0x404) or intgemm8 (0x4101)"));
}

TEST_F(MarianFileTest, NeedsTheSettings) {
  EXPECT_THAT(Error(With(Write(), kNames + 7, 'S')), HasSubstr("weights must be float32"));
  EXPECT_THAT(
      Error(With(With(Write(), kNames + 7, 'S'), kEntries + 2 * kEntryBytes + 8, uint64_t{0x4101})),
      HasSubstr("'Special:model.yml' has 6 bytes"));
}

TEST_F(MarianFileTest, RefusesValuesThatNoModelCanHave) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto plain = Open(With(Write(), kData + 8, nan));
  ASSERT_TRUE(plain.ok()) << plain.status();
  std::vector<float> values(6);
  EXPECT_THAT(std::string(plain->ReadFloats(*plain->Find("m"), absl::MakeSpan(values)).message()),
              HasSubstr("m.bin: tensor 'm' holds nan at element 2"));
  for (const float scale : {0.0F, -1.0F, nan, std::numeric_limits<float>::denorm_min()}) {
    const auto file = Open(With(Write(Type::kIntgemm8), kData + 6, scale));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_THAT(std::string(file->ReadFloats(*file->Find("m"), absl::MakeSpan(values)).message()),
                HasSubstr("tensor 'm' has the scale "))
        << scale;
  }
}

}  // namespace
}  // namespace attune
