// SPDX-License-Identifier: Apache-2.0
#include "formats/datasets/dataset_report.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/datasets/image_archive.h"
#include "formats/datasets/labelled_text.h"
#include "formats/datasets/split.h"
#include "formats/images/decode.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

class Reporter {
 public:
  Reporter(const DatasetSpec& spec, DatasetReport* report)
      : report_(*report), labels_(spec.label_kind) {}

  // `content` is what makes two rows the same.
  void Add(const LabelledExample& example, const std::vector<std::string>& content) {
    ++report_.rows;
    if (!seen_.insert(SplitHash(content)).second) ++report_.duplicates;
    labels_.Add(example);
  }

  void Finish() {
    report_.labels = labels_.Summary();
    if (report_.rows == 0) return;
    const std::string& kind = report_.labels.kind;
    if (kind == "number") CheckTargets();
    if (kind == "single" || kind == "multi") CheckClasses();
  }

 private:
  void CheckTargets() {
    const TargetRange& range = *report_.labels.targets;
    if (range.min < range.max) return;
    report_.problems.Add(absl::StrCat("every row has the number ", range.min),
                         "Add rows with other numbers.");
  }

  void CheckClasses() {
    const std::vector<LabelCount>& classes = report_.labels.classes;
    if (labels_.too_many()) {
      report_.problems.Add(absl::StrCat("more than ", kMaxClasses, " different labels"),
                           "Check which column holds the label; numbers to predict are no "
                           "classes, they are label kind number.");
    }
    if (classes.empty()) {
      report_.problems.Add("no row has a label", "Add rows of at least one class.");
    } else if (classes.size() == 1 && report_.labels.kind == "single") {
      report_.problems.Add(
          absl::StrCat("every row has the label '", Printable(classes[0].label), "'"),
          "Add rows of at least one more class.");
    }
  }

  DatasetReport& report_;
  LabelTally labels_;
  absl::flat_hash_set<uint64_t> seen_;
};

void AddPair(const LabelledExample& example, PairFacts* facts) {
  facts->target_characters.Add(CountCharacters(example.translation));
  if (example.translation == example.texts.front()) ++facts->untranslated;
}

absl::StatusOr<DatasetReport> ReportText(const DatasetSpec& spec) {
  DatasetReport report;
  Reporter reporter(spec, &report);
  if (spec.label_kind == "text") report.pairs.emplace();
  ATTUNE_ASSIGN_OR_RETURN(LabelledTextScan scan,
                          ScanLabelledText(spec, [&](const LabelledExample& example) {
                            int64_t characters = 0;
                            for (const std::string& text : example.texts)
                              characters += CountCharacters(text);
                            report.characters.Add(characters);
                            if (report.pairs.has_value()) AddPair(example, &*report.pairs);
                            reporter.Add(example, example.texts);
                          }));
  report.problems = std::move(scan.problems);
  report.empty_texts = scan.empty_texts;
  report.size_bytes = scan.size_bytes;
  report.ignored_columns = std::move(scan.ignored_columns);
  reporter.Finish();
  return report;
}

// Whether the file is an image, and how large.
absl::Status CheckImage(std::string_view file, int64_t* pixels_left, ImageFacts* facts) {
  ATTUNE_ASSIGN_OR_RETURN(const ImageSize size, ReadImageSize(file));
  *pixels_left -= size.width * size.height;
  if (*pixels_left >= 0) {
    ATTUNE_RETURN_IF_ERROR(DecodeImage(file).status());
    ++facts->decoded;
  }
  facts->shorter_sides.Add(std::min(size.width, size.height));
  return absl::OkStatus();
}

absl::StatusOr<DatasetReport> ReportImages(const DatasetSpec& spec) {
  DatasetReport report;
  Reporter reporter(spec, &report);
  ATTUNE_ASSIGN_OR_RETURN(const auto archive, ImageArchive::Open(spec, report.problems));
  ImageFacts& facts = report.images.emplace();
  facts.ignored_members = archive->ignored_members();
  report.size_bytes = archive->size_bytes();
  int64_t pixels_left = kDecodedPixels;
  for (const LabelledImage& image : archive->images()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string file, archive->Read(image));
    const absl::Status status = CheckImage(file, &pixels_left, &facts);
    if (status.ok()) {
      reporter.Add(image.example, {ImageDigest(file)});
    } else {
      report.problems.Add({Printable(image.name, kMaxShownName), 0, 0,
                           std::string(status.message()),
                           "Replace the image, or leave it out of the archive."});
    }
  }
  reporter.Finish();
  return report;
}

}  // namespace

absl::StatusOr<DatasetReport> ReportDataset(const DatasetSpec& spec) {
  return spec.format == "images" ? ReportImages(spec) : ReportText(spec);
}

}  // namespace attune
