// SPDX-License-Identifier: Apache-2.0
#include "client/tar_stream.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "client/client_errors.h"

namespace attune {
namespace {

constexpr int64_t kBlockBytes = 512;
constexpr int64_t kMaxMemberBytes = int64_t{8} << 30;  // eleven octal digits
constexpr size_t kNameBytes = 100;
constexpr size_t kPrefixBytes = 155;

int64_t ToBlocks(int64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

// The '/' that stands between ustar's prefix and name; 0: the name needs no prefix; npos: it fits
// with none.
size_t PrefixEnd(std::string_view name) {
  if (name.size() <= kNameBytes) return 0;
  const size_t slash = name.find('/', name.size() - kNameBytes - 1);
  return slash <= kPrefixBytes ? slash : std::string_view::npos;
}

// POSIX ustar: name, mode, uid, gid, size, mtime, checksum, type, link, magic, version, user,
// group, device numbers, prefix.
std::string Header(std::string_view name, int64_t size_bytes, char type) {
  const size_t slash = PrefixEnd(name);
  const std::string_view prefix = slash == 0 ? std::string_view() : name.substr(0, slash);
  const std::string_view rest = slash == 0 ? name : name.substr(slash + 1);
  std::string header(kBlockBytes, '\0');
  const auto put = [&header](size_t at, std::string_view text) {
    header.replace(at, text.size(), text);
  };
  put(0, rest);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, absl::StrFormat("%011o", size_bytes));
  put(136, "00000000000");
  put(148, "        ");  // counts as spaces in its own sum
  header[156] = type;
  put(257, "ustar");
  put(263, "00");
  put(329, "0000000");
  put(337, "0000000");
  put(345, prefix);
  int sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, absl::StrFormat("%06o", sum));
  header[154] = '\0';
  return header;
}

// A pax record names its own length: "18 path=some/name\n".
std::string PaxPath(const std::string& name) {
  const std::string tail = absl::StrCat(" path=", name, "\n");
  size_t length = tail.size();
  while (absl::StrCat(length, tail).size() != length) length = absl::StrCat(length, tail).size();
  return absl::StrCat(length, tail);
}

absl::Status Changed(const std::string& path) {
  return ClientError(ClientReason::kLocalInput, absl::StrCat(path, " changed while it was read"),
                     "run the command again once nothing writes to the folder");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TarStream>> TarStream::Make(FileSystem& files,
                                                           const std::vector<TarMember>& members) {
  auto stream = std::unique_ptr<TarStream>(new TarStream(files));
  for (const TarMember& member : members) {
    if (member.size_bytes >= kMaxMemberBytes) {
      return absl::InvalidArgumentError(absl::StrCat(member.path, " has 8 GiB or more"));
    }
    stream->Add(member);
  }
  stream->AddText(std::string(2 * kBlockBytes, '\0'));
  return stream;
}

void TarStream::Add(const TarMember& member) {
  std::string name = member.name;
  if (PrefixEnd(name) == std::string::npos) {
    const std::string record = PaxPath(name);
    const auto bytes = static_cast<int64_t>(record.size());
    AddText(Header("PaxHeader", bytes, 'x') + record + std::string(ToBlocks(bytes) - bytes, '\0'));
    name.resize(kNameBytes);  // what a reader without pax would see
  }
  AddText(Header(name, member.size_bytes, '0'));
  Piece piece;
  piece.begin = size_bytes_;
  piece.end = size_bytes_ + ToBlocks(member.size_bytes);
  piece.path = member.path;
  piece.file_bytes = member.size_bytes;
  size_bytes_ = piece.end;
  pieces_.push_back(std::move(piece));
}

void TarStream::AddText(std::string text) {
  Piece piece;
  piece.begin = size_bytes_;
  piece.end = size_bytes_ + static_cast<int64_t>(text.size());
  piece.text = std::move(text);
  size_bytes_ = piece.end;
  pieces_.push_back(std::move(piece));
}

absl::StatusOr<size_t> TarStream::ReadAt(int64_t offset, char* buffer, size_t size) {
  const int64_t end = std::min(size_bytes_, offset + static_cast<int64_t>(size));
  auto piece = std::partition_point(pieces_.begin(), pieces_.end(),
                                    [offset](const Piece& p) { return p.end <= offset; });
  int64_t at = offset;
  for (; at < end; ++piece) {
    const int64_t stop = std::min(end, piece->end);
    ATTUNE_RETURN_IF_ERROR(ReadPiece(*piece, at - piece->begin, buffer + (at - offset),
                                     static_cast<size_t>(stop - at)));
    at = stop;
  }
  return static_cast<size_t>(std::max<int64_t>(0, at - offset));
}

absl::Status TarStream::ReadPiece(const Piece& piece, int64_t offset, char* buffer, size_t size) {
  if (size == 0) return absl::OkStatus();
  if (piece.path.empty()) {
    std::memcpy(buffer, piece.text.data() + offset, size);
    return absl::OkStatus();
  }
  return ReadFile(piece, offset, buffer, size);
}

absl::Status TarStream::ReadFile(const Piece& piece, int64_t offset, char* buffer, size_t size) {
  auto opened = files_.Open(piece.path, FileSystem::Mode::kRead);
  if (!opened.ok()) return LocalFileError(opened.status(), piece.path);
  const absl::StatusOr<int64_t> now = (*opened)->Size();
  if (!now.ok()) return LocalFileError(now.status(), piece.path);
  if (*now != piece.file_bytes) return Changed(piece.path);
  const auto left = static_cast<size_t>(std::max<int64_t>(0, piece.file_bytes - offset));
  const size_t of_file = std::min(size, left);
  for (size_t done = 0; done < of_file;) {
    const auto got =
        (*opened)->ReadAt(offset + static_cast<int64_t>(done), buffer + done, of_file - done);
    if (!got.ok()) return LocalFileError(got.status(), piece.path);
    if (*got == 0) return Changed(piece.path);
    done += *got;
  }
  std::memset(buffer + of_file, 0, size - of_file);
  return absl::OkStatus();
}

absl::Status TarStream::Append(std::string_view) {
  return absl::UnimplementedError("an archive that is put together while it is read");
}

}  // namespace attune
