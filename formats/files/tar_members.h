// SPDX-License-Identifier: Apache-2.0
// What is in a tar file: its headers are read, its members are not. POSIX ustar and pax, and GNU's
// long names and sizes; strict, since what is skipped today is somebody's missing data tomorrow.
//
// Only regular files are listed. Folders are skipped; links, devices, pipes and sparse files are
// problems, and so are names that are absolute, hold "..", are no UTF-8 or appear twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/files/regular_file.h"
#include "formats/problems.h"

namespace attune {

inline constexpr size_t kMaxShownName = 255;  // characters, in problems

struct TarMember {
  std::string name;  // "a/b.png": no "./", no empty component
  FileRange data;    // inside the tar
};

// By the bytes of their names. What is wrong is in `problems`, each with its member's name in
// Problem::where; where the tar itself is damaged or cut short, that is a problem, and the list
// ends there. RESOURCE_EXHAUSTED above `limit` members. Other statuses: it cannot be read.
absl::StatusOr<std::vector<TarMember>> ListTar(const RegularFile& file, int64_t limit,
                                               Problems& problems);

}  // namespace attune
