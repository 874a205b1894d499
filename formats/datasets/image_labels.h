// SPDX-License-Identifier: Apache-2.0
// The labels of the images in an archive: from metadata.jsonl, or from the folders they lie in.
// Internal to formats/datasets; see image_archive.h for the rules.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "base/trainer_protocol.h"
#include "formats/datasets/image_archive.h"
#include "formats/files/regular_file.h"
#include "formats/files/tar_members.h"
#include "formats/problems.h"

namespace attune {

// `top` is the folder that names are seen from: "" or "DIR/". Images that stay without a label are
// problems, and are taken out of `images`.
void LabelByFolder(const DatasetSpec& spec, std::string_view top,
                   std::vector<LabelledImage>* images, Problems& problems);

// `metadata` is a member of `file`. A status that is not OK: the file cannot be read, or the spec
// names no key.
absl::Status LabelByMetadata(const DatasetSpec& spec, std::string_view top, const RegularFile& file,
                             const TarMember& metadata, std::vector<LabelledImage>* images,
                             Problems& problems);

}  // namespace attune
