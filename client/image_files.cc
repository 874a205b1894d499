// SPDX-License-Identifier: Apache-2.0
#include "client/image_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "client/client_errors.h"
#include "client/folder_links.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

constexpr char kMetadata[] = "metadata.jsonl";

bool IsImage(const fs::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

bool IsHidden(const fs::path& path) { return path.filename().string().front() == '.'; }

class Search {
 public:
  explicit Search(fs::path folder) : folder_(std::move(folder)) {}

  // Depth first.
  absl::Status Enter(const fs::path& dir) {
    std::error_code error;
    for (fs::directory_iterator entry(dir, error), end; !error && entry != end;
         entry.increment(error)) {
      if (!IsHidden(entry->path())) ATTUNE_RETURN_IF_ERROR(Look(*entry));
    }
    return error ? LocalFileError(absl::NotFoundError(error.message()), dir.string())
                 : absl::OkStatus();
  }

  absl::StatusOr<ImageFiles> Take() {
    if (images_ == 0) {
      return ClientError(ClientReason::kLocalInput,
                         absl::StrCat(folder_.string(), " has no .jpg, .jpeg or .png file"),
                         "name a folder that holds a folder of images for each class");
    }
    std::sort(found_.members.begin(), found_.members.end(),
              [](const TarMember& a, const TarMember& b) { return a.name < b.name; });
    if (left_out_ > 0) {
      found_.notes.push_back(absl::StrCat("left out ", left_out_,
                                          left_out_ == 1 ? " file that is" : " files that are",
                                          " no JPEG or PNG by name, such as ", first_left_out_));
    }
    return std::move(found_);
  }

 private:
  absl::Status Look(const fs::directory_entry& entry) {
    std::error_code error;
    // A link to a folder could lead around in circles.
    if (entry.is_directory(error) && !entry.is_symlink(error)) return Enter(entry.path());
    const std::string name = entry.path().lexically_relative(folder_).string();
    const bool image = IsImage(entry.path());
    if (!image && name != kMetadata) {
      if (left_out_++ == 0 || name < first_left_out_) first_left_out_ = name;
      return absl::OkStatus();
    }
    ATTUNE_RETURN_IF_ERROR(CheckInside(folder_, name));
    const auto size = static_cast<int64_t>(entry.file_size(error));
    if (error) return LocalFileError(absl::NotFoundError(error.message()), entry.path().string());
    found_.members.push_back({name, entry.path().string(), size});
    images_ += image ? 1 : 0;
    return absl::OkStatus();
  }

  const fs::path folder_;
  ImageFiles found_;
  int64_t images_ = 0, left_out_ = 0;
  std::string first_left_out_;
};

}  // namespace

absl::StatusOr<ImageFiles> FindImageFiles(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(path, error);
  if (error || !fs::is_directory(folder, error)) {
    return ClientError(ClientReason::kLocalInput, absl::StrCat(path, " is not a folder"),
                       "name the folder that holds the images");
  }
  Search search(folder);
  ATTUNE_RETURN_IF_ERROR(search.Enter(folder));
  return search.Take();
}

}  // namespace attune
