// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/safetensors.h"

#include <limits>

#include "base/errors.h"
#include "gmock/gmock.h"
#include "tests/formats/temp_folder.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
absl::Span<const char> Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

class SafetensorsTest : public ::testing::Test {
 protected:
  absl::StatusOr<SafetensorsFile> Open(const char* name) {
    auto file = RegularFile::OpenIn(folder_.path(), name);
    if (!file.ok()) return file.status();
    return SafetensorsFile::Open(*std::move(file), name);
  }
  TempFolder folder_;
};

TEST_F(SafetensorsTest, ReadsBackWhatItWrote) {
  const std::vector<float> a = {1.5f, -2, 3, 4, 5, 6};
  const std::vector<int64_t> b = {7};
  ASSERT_TRUE(WriteSafetensors(folder_.Path("w"), {{"b", DType::kI64, {}, Bytes(b)},
                                                   {"a", DType::kF32, {2, 3}, Bytes(a)},
                                                   {"none", DType::kF32, {0, 4}, {}}})
                  .ok());
  const auto file = Open("w");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->metadata(), ElementsAre(std::pair("format", "pt")));
  EXPECT_EQ(file->tensors()[0].name, "b");
  const TensorInfo* tensor = file->Find("a");
  ASSERT_NE(tensor, nullptr);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 3));
  std::vector<float> read(6), part(2);
  ASSERT_TRUE(file->ReadFloats(*tensor, absl::MakeSpan(read)).ok());
  EXPECT_EQ(read, a);
  ASSERT_TRUE(file->ReadFloats(*tensor, absl::MakeSpan(part), 4).ok());
  EXPECT_THAT(part, ElementsAre(5, 6));
  EXPECT_FALSE(file->ReadFloats(*tensor, absl::MakeSpan(part), 5).ok());
  EXPECT_EQ(file->Find("none")->elements(), 0);
  EXPECT_EQ(file->Find("absent"), nullptr);
}

TEST_F(SafetensorsTest, WritesTheBytesThatTheOriginalWrites) {
  const std::vector<float> a = {1, 2};
  ASSERT_TRUE(WriteSafetensors(folder_.Path("w"), {{"a", DType::kF32, {2}, Bytes(a)}}).ok());
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  std::string expected(8, '\0');
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  expected[0] = static_cast<char>(padded.size());
  EXPECT_EQ(folder_.Read("w"), expected + padded + std::string("\0\0\x80\x3F\0\0\0\x40", 8));
}

TEST_F(SafetensorsTest, RefusesToWriteWhatItWouldNotRead) {
  const std::vector<float> a = {1, 2};
  EXPECT_FALSE(WriteSafetensors(folder_.Path("w"), {{"a", DType::kF32, {3}, Bytes(a)}}).ok());
  EXPECT_FALSE(WriteSafetensors(folder_.Path("w"), {{"a", DType::kF32, {2}, Bytes(a)},
                                                    {"a", DType::kF32, {2}, Bytes(a)}})
                   .ok());
}

TEST_F(SafetensorsTest, WidensHalfAndBFloat16) {
  const std::vector<uint16_t> half = {0x3C00, 0xC000, 0x0001}, brain = {0x3F80, 0xC000, 0x0000};
  ASSERT_TRUE(WriteSafetensors(folder_.Path("w"), {{"h", DType::kF16, {3}, Bytes(half)},
                                                   {"b", DType::kBF16, {3}, Bytes(brain)}})
                  .ok());
  const auto file = Open("w");
  ASSERT_TRUE(file.ok());
  std::vector<float> out(3);
  ASSERT_TRUE(file->ReadFloats(*file->Find("h"), absl::MakeSpan(out)).ok());
  EXPECT_THAT(out, ElementsAre(1, -2, 0x1p-24f));
  ASSERT_TRUE(file->ReadFloats(*file->Find("b"), absl::MakeSpan(out)).ok());
  EXPECT_THAT(out, ElementsAre(1, -2, 0));
}

TEST_F(SafetensorsTest, NamesTheTensorThatIsNotFinite) {
  const std::vector<float> a = {1, 2, std::numeric_limits<float>::quiet_NaN()};
  ASSERT_TRUE(WriteSafetensors(folder_.Path("w"), {{"a", DType::kF32, {3}, Bytes(a)}}).ok());
  const auto file = Open("w");
  std::vector<float> out(1);
  EXPECT_TRUE(file->ReadFloats(*file->Find("a"), absl::MakeSpan(out), 1).ok());
  const absl::Status status = file->ReadFloats(*file->Find("a"), absl::MakeSpan(out), 2);
  EXPECT_EQ(ErrorReasonOf(status), "INVALID_MODEL");
  EXPECT_THAT(std::string(status.message()), HasSubstr("w: tensor 'a' holds nan at element 2"));
}

TEST_F(SafetensorsTest, RefusesLengthsThatCannotBe) {
  folder_.Write("short", "1234567");
  folder_.Write("long", std::string("\xFF\0\0\0\0\0\0\0{}", 10));
  folder_.Write("max", std::string(8, '\xFF') + "{}");
  folder_.Write("empty", std::string(8, '\0'));
  EXPECT_THAT(std::string(Open("short").status().message()), HasSubstr("at least 8 bytes"));
  EXPECT_THAT(std::string(Open("long").status().message()), HasSubstr("at most 2 are possible"));
  EXPECT_THAT(std::string(Open("max").status().message()), HasSubstr("18446744073709551615"));
  EXPECT_EQ(Open("empty").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SafetensorsTest, GivesAnErrorWhenTheFileShrinks) {
  const std::vector<float> a(1000, 1);
  ASSERT_TRUE(WriteSafetensors(folder_.Path("w"), {{"a", DType::kF32, {1000}, Bytes(a)}}).ok());
  const auto file = Open("w");
  std::filesystem::resize_file(folder_.Path("w"), 200);
  std::vector<float> out(1000);
  EXPECT_EQ(file->ReadFloats(*file->Find("a"), absl::MakeSpan(out)).code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace attune
