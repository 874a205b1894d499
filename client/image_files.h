// SPDX-License-Identifier: Apache-2.0
// Which files of a folder make up a dataset of images: every .jpg, .jpeg and .png below it (in any
// case), and metadata.jsonl at its top. Hidden files and folders are left out. What the folders
// mean, and whether the files are sound, the server checks.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/tar_stream.h"

namespace attune {

struct ImageFiles {
  std::vector<TarMember> members;  // by the bytes of their names, which are relative to the folder
  std::vector<std::string> notes;  // what was left out
};

// Links are followed, but must not lead out of the folder. kLocalInput: no such folder, no image in
// it, a link out.
absl::StatusOr<ImageFiles> FindImageFiles(const std::string& folder);

}  // namespace attune
