// SPDX-License-Identifier: Apache-2.0
#include "client/folder_links.h"

#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/client_errors.h"

namespace attune {

namespace fs = std::filesystem;

absl::Status CheckInside(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::path real = fs::canonical(folder / name, error);
  if (error) return LocalFileError(absl::NotFoundError(error.message()), (folder / name).string());
  const fs::path relative = real.lexically_relative(folder);
  if (relative.empty() || *relative.begin() == "..") {
    return ClientError(
        ClientReason::kLocalInput,
        absl::StrCat((folder / name).string(), " is a link that leads out of the folder"),
        absl::StrCat("copy the files themselves: cp -rL ", folder.string(), " COPY"));
  }
  if (!fs::is_regular_file(real, error)) {
    return ClientError(ClientReason::kLocalInput,
                       absl::StrCat((folder / name).string(), " is not a regular file"),
                       "remove it");
  }
  return absl::OkStatus();
}

}  // namespace attune
