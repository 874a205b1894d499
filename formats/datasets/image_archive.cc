// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/image_archive.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/errors.h"
#include "formats/datasets/image_labels.h"
#include "formats/datasets/label_rules.h"
#include "formats/files/tar_members.h"
#include "formats/images/decode.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr std::string_view kMetadata = "metadata.jsonl";

absl::Status CheckSpec(const DatasetSpec& spec) {
  std::vector<FieldViolation> violations = CheckLabelSpec(spec);
  if (spec.format != "images") {
    violations.push_back(
        {"format", absl::StrCat("must be images, got '", Printable(spec.format), "'")});
  }
  if (!spec.text_columns.empty()) {
    violations.push_back({"text_columns", "must be empty: images have no text"});
  }
  return violations.empty() ? absl::OkStatus() : InvalidFields(std::move(violations));
}

std::string_view LastPart(std::string_view name) { return name.substr(name.rfind('/') + 1); }

bool IsHidden(std::string_view name) {
  return name.front() == '.' || name.find("/.") != std::string_view::npos;
}

bool IsImage(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower({name.data(), name.size()});
  return absl::EndsWith(lower, ".jpg") || absl::EndsWith(lower, ".jpeg") ||
         absl::EndsWith(lower, ".png");
}

// "DIR/", where all members lie in DIR, and the images in folders of it or beside metadata.jsonl;
// else "".
std::string_view TopFolder(const std::vector<TarMember>& members) {
  if (members.empty()) return "";
  const std::string_view first = members.front().name;
  const size_t slash = first.find('/');
  if (slash == std::string_view::npos) return "";
  const std::string_view top = first.substr(0, slash + 1);
  bool deeper = true, described = false;
  for (const TarMember& member : members) {
    const std::string_view name = member.name;
    if (name.substr(0, top.size()) != top) return "";
    const std::string_view rest = name.substr(top.size());
    described = described || rest == kMetadata;
    deeper = deeper && rest.find('/') != std::string_view::npos;
  }
  return deeper || described ? top : "";
}

bool Counts(const TarMember& member) {
  return !IsHidden(member.name) && (IsImage(member.name) || LastPart(member.name) == kMetadata);
}

// What an archive holds, sorted out.
struct Contents {
  std::string top;
  std::vector<TarMember> images;
  std::optional<TarMember> metadata;
  int64_t ignored = 0;
};

Contents SortOut(std::vector<TarMember> members, bool reads_labels) {
  Contents contents;
  const auto all = static_cast<int64_t>(members.size());
  members.erase(std::remove_if(members.begin(), members.end(), std::not_fn(Counts)), members.end());
  contents.top = TopFolder(members);
  for (TarMember& member : members) {
    if (IsImage(member.name)) {
      contents.images.push_back(std::move(member));
    } else if (reads_labels && member.name == contents.top + std::string(kMetadata)) {
      contents.metadata = std::move(member);
    }
  }
  contents.ignored =
      all - static_cast<int64_t>(contents.images.size()) - (contents.metadata.has_value() ? 1 : 0);
  return contents;
}

bool FitsLimit(const TarMember& member, int64_t limit, Problems& problems) {
  if (member.data.size_bytes <= limit) return true;
  problems.Add({Printable(member.name, kMaxShownName), 0, 0,
                absl::StrCat("the file has ", member.data.size_bytes, " bytes; at most ", limit,
                             " are read"),
                "Make it smaller, or leave it out of the archive."});
  return false;
}

// Whether the labels can be had from where the spec looks for them.
bool CheckLabelSource(const DatasetSpec& spec, bool described, Problems& problems) {
  if (spec.label_kind == "text") {
    problems.Add("label kind text is the translation of a text, and this is an archive of images",
                 "Choose label kind single, multi or number.");
    return false;
  }
  if (!described && spec.label_kind != "single") {
    problems.Add(absl::StrCat("label kind ", spec.label_kind,
                              " needs a metadata.jsonl: a folder's name is one class"),
                 "Add it at the archive's top, or choose label kind single.");
    return false;
  }
  if (described && spec.label_column.empty()) {
    problems.Add("the archive has a metadata.jsonl, but no label column names its label's key",
                 "Name that key as the label column.");
    return false;
  }
  return true;
}

absl::Status Label(const DatasetSpec& spec, const Contents& contents, const RegularFile& file,
                   std::vector<LabelledImage>* images, Problems& problems) {
  if (spec.label_kind == "none") return absl::OkStatus();
  const std::optional<TarMember>& metadata = contents.metadata;
  const bool readable =
      CheckLabelSource(spec, metadata.has_value(), problems) &&
      (!metadata.has_value() || FitsLimit(*metadata, kMaxMetadataBytes, problems));
  if (!readable) {
    images->clear();
  } else if (metadata.has_value()) {
    return LabelByMetadata(spec, contents.top, file, *metadata, images, problems);
  } else {
    LabelByFolder(spec, contents.top, images, problems);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageArchive>> ImageArchive::Open(const DatasetSpec& spec,
                                                                 Problems& problems) {
  ATTUNE_RETURN_IF_ERROR(CheckSpec(spec));
  ATTUNE_ASSIGN_OR_RETURN(RegularFile file, RegularFile::Open(spec.path));
  std::unique_ptr<ImageArchive> archive(new ImageArchive(std::move(file)));
  Problems found;
  ATTUNE_ASSIGN_OR_RETURN(std::vector<TarMember> members,
                          ListTar(archive->file_, kMaxArchiveImages, found));
  const Contents contents = SortOut(std::move(members), spec.label_kind != "none");
  archive->ignored_members_ = contents.ignored;
  for (const TarMember& member : contents.images) {
    if (!FitsLimit(member, kMaxImageBytes, found)) continue;
    archive->images_.push_back({member.name, member.data, {}});
  }
  if (contents.images.empty() && found.empty()) {
    found.Add(absl::StrCat("0 images: no member's name ends in .jpg, .jpeg or .png; ",
                           contents.ignored, " others were ignored"),
              "Add images, each in a folder that is named as its class.");
  } else {
    ATTUNE_RETURN_IF_ERROR(Label(spec, contents, archive->file_, &archive->images_, found));
  }
  for (size_t i = 0; i < archive->images_.size(); ++i) {
    archive->images_[i].example.line = static_cast<int64_t>(i) + 1;
  }
  problems.Merge(found);
  return archive;
}

absl::StatusOr<std::unique_ptr<ImageArchive>> ImageArchive::Open(const DatasetSpec& spec) {
  Problems problems;
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<ImageArchive> archive, Open(spec, problems));
  ATTUNE_RETURN_IF_ERROR(problems.ToStatus("INVALID_DATASET", "the dataset"));
  return archive;
}

absl::StatusOr<std::string> ImageArchive::Read(const LabelledImage& image) const {
  std::string bytes(static_cast<size_t>(image.data.size_bytes), '\0');
  ATTUNE_RETURN_IF_ERROR(file_.ReadExactly(image.data.offset, absl::MakeSpan(bytes)));
  return bytes;
}

std::string ImageDigest(std::string_view file) { return Sha256::Hex(file); }

}  // namespace attune
