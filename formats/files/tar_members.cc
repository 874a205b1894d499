// SPDX-License-Identifier: Apache-2.0
#include "formats/files/tar_members.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "formats/files/file_kind.h"
#include "formats/files/tar_header.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr int64_t kMaxExtraBytes = 1 << 20;  // of a pax header or a long name
constexpr size_t kMaxNameBytes = 4096;
constexpr char kAgain[] = "Make the archive anew.";

bool IsZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

int64_t Padded(int64_t size) { return (size + kTarBlock - 1) / kTarBlock * kTarBlock; }

class TarLister {
 public:
  TarLister(const RegularFile& file, int64_t limit, Problems& problems)
      : file_(file), limit_(limit), problems_(problems) {}

  absl::StatusOr<std::vector<TarMember>> List() {
    std::array<char, kTarBlock> bytes;
    const std::string_view block(bytes.data(), bytes.size());
    while (true) {
      ATTUNE_ASSIGN_OR_RETURN(const bool whole, ReadBlock(absl::MakeSpan(bytes)));
      if (!whole) break;
      if (IsZero(block)) {
        ATTUNE_RETURN_IF_ERROR(CheckEnd());
        break;
      }
      const std::optional<TarHeader> header = ParseTarHeader(block);
      if (!header.has_value()) {
        ReportNoHeader(block);
        break;
      }
      ATTUNE_ASSIGN_OR_RETURN(const bool goes_on, ReadMember(*header));
      if (!goes_on) break;
    }
    Sort();
    return std::move(members_);
  }

 private:
  void Report(std::string_view name, std::string message, std::string remedy) {
    problems_.Add({Printable(name, kMaxShownName), 0, 0, std::move(message), std::move(remedy)});
  }
  void ReportCut() {
    Report("",
           absl::StrCat("the archive is cut short: it ends at byte ", file_.size(),
                        ", inside of a member or without the two empty blocks of its end"),
           "Hand it in again, whole.");
  }
  void ReportNoHeader(std::string_view block) {
    const FileKind* kind = at_ == kTarBlock ? KindOfFile(block) : nullptr;
    if (kind != nullptr) {
      Report("", absl::StrCat("this is ", std::string(kind->what), ", not a plain tar"),
             kind->family == FileKind::Family::kArchive
                 ? "Unpack it, and make a tar without compression."
                 : "Put the images into a tar without compression.");
    } else if (at_ == kTarBlock) {
      Report("", "this is no tar: its first header does not have the right checksum",
             "Put the images into a tar without compression.");
    } else {
      Report("", absl::StrCat("the header at byte ", at_ - kTarBlock, " is damaged"), kAgain);
    }
  }

  // The next block; false after the report that there is none.
  absl::StatusOr<bool> ReadBlock(absl::Span<char> out) {
    if (file_.size() - at_ < kTarBlock) {
      ReportCut();
      return false;
    }
    ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(at_, out));
    at_ += kTarBlock;
    return true;
  }

  // After the first of two empty blocks; what follows the second is padding.
  absl::Status CheckEnd() {
    if (file_.size() - at_ < kTarBlock) {
      ReportCut();
      return absl::OkStatus();
    }
    std::vector<char> bytes(64 << 10);
    while (at_ < file_.size()) {
      ATTUNE_ASSIGN_OR_RETURN(const size_t got, file_.ReadSome(at_, absl::MakeSpan(bytes)));
      if (got == 0) break;
      if (!IsZero({bytes.data(), got})) {
        Report("", absl::StrCat("something follows the end of the archive, after byte ", at_),
               "Put everything into one archive.");
        break;
      }
      at_ += static_cast<int64_t>(got);
    }
    return absl::OkStatus();
  }

  // False: the archive cannot be read on.
  absl::StatusOr<bool> ReadMember(const TarHeader& header) {
    std::string name = long_name_.value_or(header.name);
    int64_t size = header.size_bytes;
    if (IsExtra(header.kind)) return ReadExtra(header);
    if (!TakePax(&name, &size)) return false;
    // Links, devices, folders and pipes have no data, whatever their size says.
    if (header.kind >= '1' && header.kind <= '6') size = 0;
    if (size > file_.size() - at_) {
      ReportCut();
      return false;
    }
    const FileRange data{at_, size};
    at_ = std::min(at_ + Padded(size), file_.size());
    const bool sparse = pax_.contains("GNU.sparse.major");
    long_name_.reset();
    pax_.clear();
    if (sparse) return SkipOther('S', name);
    const bool file = header.kind == '0' || header.kind == '\0' || header.kind == '7';
    return file ? AddFile(std::move(name), data) : SkipOther(header.kind, name);
  }

  static bool IsExtra(char kind) {
    return kind == 'x' || kind == 'g' || kind == 'L' || kind == 'K';
  }

  // What a header says of the members after it.
  absl::StatusOr<bool> ReadExtra(const TarHeader& header) {
    if (header.size_bytes > kMaxExtraBytes) {
      Report(header.name,
             absl::StrCat("a header of ", header.size_bytes, " bytes; at most ", kMaxExtraBytes,
                          " are read"),
             kAgain);
      return false;
    }
    if (Padded(header.size_bytes) > file_.size() - at_) {
      ReportCut();
      return false;
    }
    std::string text(static_cast<size_t>(header.size_bytes), '\0');
    ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(at_, absl::MakeSpan(text)));
    at_ += Padded(header.size_bytes);
    if (header.kind == 'L') long_name_ = text.substr(0, text.find('\0'));
    if (header.kind != 'x' && header.kind != 'g') return true;
    const auto records = ParsePaxRecords(text);
    if (!records.has_value()) {
      Report("", absl::StrCat("the pax header before byte ", at_, " is damaged"), kAgain);
      return false;
    }
    // A global header is about all members: a comment, or times. None has a name or a size.
    if (header.kind == 'x') pax_ = *records;
    return true;
  }

  bool TakePax(std::string* name, int64_t* size) {
    if (const auto path = pax_.find("path"); path != pax_.end()) *name = path->second;
    const auto found = pax_.find("size");
    if (found == pax_.end()) return true;
    const char* end = found->second.data() + found->second.size();
    const auto parsed = std::from_chars(found->second.data(), end, *size);
    if (parsed.ec == std::errc() && parsed.ptr == end && *size >= 0) return true;
    Report(*name, absl::StrCat("its size, '", Printable(found->second), "', is no number"), kAgain);
    return false;
  }

  bool SkipOther(char kind, const std::string& name) {
    if (kind == '5') return true;
    std::string what = absl::StrCat("a member of kind '", Printable({&kind, 1}), "'");
    if (kind == '1' || kind == '2') what = "a link";
    if (kind == '3' || kind == '4') what = "a device";
    if (kind == '6') what = "a pipe";
    if (kind == 'S') what = "a sparse file";
    Report(name, absl::StrCat(what, "; only plain files are read"),
           "Put the file itself into the archive (tar -h follows links), or leave it out.");
    return true;
  }

  absl::StatusOr<bool> AddFile(std::string name, const FileRange& data) {
    if (static_cast<int64_t>(members_.size()) == limit_) {
      return MakeError(absl::StatusCode::kResourceExhausted, "INVALID_DATASET",
                       absl::StrCat("the archive has more than ", limit_,
                                    " files: split it into several datasets"));
    }
    // Of an archive from before POSIX: a folder.
    if (!name.empty() && name.back() == '/') return true;
    std::optional<std::string> plain = PlainName(name);
    if (plain.has_value()) members_.push_back({*std::move(plain), data});
    return true;
  }

  // Nothing after a report.
  std::optional<std::string> PlainName(const std::string& name) {
    std::string plain, wrong;
    if (name.size() > kMaxNameBytes) wrong = absl::StrCat("a name of ", name.size(), " bytes");
    if (name.find('\0') != std::string::npos) wrong = "a name with a NUL character";
    if (FindInvalidUtf8(name) != std::string::npos) wrong = "a name that is not UTF-8";
    if (!name.empty() && name.front() == '/') wrong = "an absolute name";
    for (const absl::string_view part : absl::StrSplit(name, '/')) {
      if (part == "..") wrong = "a name with '..' in it";
      if (part.empty() || part == ".") continue;
      absl::StrAppend(&plain, plain.empty() ? "" : "/", part);
    }
    if (wrong.empty() && plain.empty()) wrong = "a member without a name";
    if (wrong.empty()) return plain;
    Report(name, wrong, "Name the file by its place below the archive's top, in UTF-8.");
    return std::nullopt;
  }

  void Sort() {
    std::sort(members_.begin(), members_.end(),
              [](const TarMember& a, const TarMember& b) { return a.name < b.name; });
    for (size_t i = 1; i < members_.size(); ++i) {
      const bool first_again = members_[i].name == members_[i - 1].name &&
                               (i == 1 || members_[i - 2].name != members_[i].name);
      if (first_again) Report(members_[i].name, "the archive has this name twice", kAgain);
    }
  }

  const RegularFile& file_;
  const int64_t limit_;
  Problems& problems_;
  int64_t at_ = 0;
  std::optional<std::string> long_name_;    // GNU's, for the next member
  std::map<std::string, std::string> pax_;  // for the next member
  std::vector<TarMember> members_;
};

}  // namespace

absl::StatusOr<std::vector<TarMember>> ListTar(const RegularFile& file, int64_t limit,
                                               Problems& problems) {
  return TarLister(file, limit, problems).List();
}

}  // namespace attune
