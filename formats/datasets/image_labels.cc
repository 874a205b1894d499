// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/image_labels.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/label_rules.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr char kFileName[] = "file_name";
constexpr char kMetadata[] = "metadata.jsonl";

Problem At(std::string_view image, std::string message, std::string remedy) {
  return {Printable(image, kMaxShownName), 0, 0, std::move(message), std::move(remedy)};
}

// Takes the images out that `keep`, which may change them, does not want.
template <typename Keep>
void KeepOnly(std::vector<LabelledImage>* images, Keep keep) {
  std::vector<LabelledImage> kept;
  for (LabelledImage& image : *images) {
    if (keep(image)) kept.push_back(std::move(image));
  }
  *images = std::move(kept);
}

}  // namespace

void LabelByFolder(const DatasetSpec& spec, std::string_view top,
                   std::vector<LabelledImage>* images, Problems& problems) {
  const LabelRules rules(spec);
  KeepOnly(images, [&](LabelledImage& image) {
    const std::string_view name = std::string_view(image.name).substr(top.size());
    const size_t slash = name.find('/');
    Problem problem = At(image.name, "the image lies in no folder, so it has no class",
                         "Put each image into a folder that is named as its class, or add a "
                         "metadata.jsonl.");
    if (slash != std::string_view::npos) {
      image.example.labels = {std::string(name.substr(0, slash))};
      if (rules.Apply(&image.example, &problem)) return true;
    }
    problems.Add(std::move(problem));
    return false;
  });
}

absl::Status LabelByMetadata(const DatasetSpec& spec, std::string_view top, const RegularFile& file,
                             const TarMember& metadata, std::vector<LabelledImage>* images,
                             Problems& problems) {
  DatasetSpec lines = spec;
  lines.format = "jsonl";
  lines.text_columns = {kFileName};
  Problems found;
  absl::flat_hash_map<std::string, LabelledExample> by_name;
  const auto add = [&](LabelledExample example) {
    std::string name = std::move(example.texts.front());
    if (name.rfind("./", 0) == 0) name.erase(0, 2);
    const int64_t line = example.line;
    example.texts.clear();
    const auto [known, added] = by_name.try_emplace(name, std::move(example));
    if (added) return;
    found.Add({"", line, 1,
               absl::StrCat("a second line about '", Printable(name, kMaxShownName),
                            "'; the first is line ", known->second.line),
               "Keep one of them."});
  };
  ATTUNE_ASSIGN_OR_RETURN(const LabelledTextScan scan,
                          ScanLabelledText(file, metadata.data, lines, add));
  problems.Merge(scan.problems, kMetadata);
  const bool all_read = scan.problems.empty();
  KeepOnly(images, [&](LabelledImage& image) {
    const auto line = by_name.find(image.name.substr(top.size()));
    if (line == by_name.end()) {
      // A line that could not be read may be this one's.
      if (all_read) {
        problems.Add(At(image.name, "no line of metadata.jsonl is about this image",
                        "Add one, or leave the image out of the archive."));
      }
      return false;
    }
    image.example = std::move(line->second);
    by_name.erase(line);
    return true;
  });
  std::vector<std::pair<int64_t, std::string>> left;
  for (const auto& [name, example] : by_name) left.emplace_back(example.line, name);
  std::sort(left.begin(), left.end());
  for (const auto& [line, name] : left) {
    found.Add({"", line, 1,
               absl::StrCat("the archive has no image '", Printable(name, kMaxShownName), "'"),
               "Write file_name as it is seen from metadata.jsonl, with its ending, which is .jpg, "
               ".jpeg or .png."});
  }
  problems.Merge(found, kMetadata);
  return absl::OkStatus();
}

}  // namespace attune
