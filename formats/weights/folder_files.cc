// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/folder_files.h"

#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

constexpr size_t kMaxEntries = 1000;

}  // namespace

std::set<std::string> ModelFileNames(const std::string& dir, const std::string& remedy,
                                     Problems& problems) {
  std::set<std::string> names;
  const auto entries = ListFolder(dir, kMaxEntries);
  if (!entries.ok()) {
    problems.Add(std::string(entries.status().message()), remedy);
    return names;
  }
  for (const FolderEntry& entry : *entries) {
    if (entry.kind == FolderEntry::Kind::kOther) {
      problems.Add({Printable(entry.name, 255), 0, 0, "a link, pipe, socket or device",
                    "Put the file itself in the folder."});
    }
    if (entry.kind == FolderEntry::Kind::kFile) names.insert(entry.name);
  }
  return names;
}

absl::StatusOr<std::string> ReadModelFile(const std::string& dir, const std::string& name,
                                          int64_t limit) {
  ATTUNE_ASSIGN_OR_RETURN(const RegularFile file, RegularFile::OpenIn(dir, name));
  return file.ReadAll(limit);
}

}  // namespace attune
