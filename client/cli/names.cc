// SPDX-License-Identifier: Apache-2.0
#include "client/cli/names.h"

#include "absl/strings/str_cat.h"
#include "base/resource_name.h"
#include "client/client_errors.h"
#include "client/text/words.h"

namespace attune {

absl::StatusOr<std::string> NameFromArgument(std::string_view collection,
                                             const std::string& argument) {
  if (IsResourceId(argument)) return ResourceName(collection, argument);
  if (ParseResourceName(collection, argument).ok()) return argument;
  const std::string kind(collection);
  return ClientError(
      ClientReason::kUsage, absl::StrCat("'", Printable(argument), "' is not a name of ", kind),
      absl::StrCat("a name is ", kind, "/ID or ID, of lower-case letters, digits and '-'"));
}

bool IsName(std::string_view collection, std::string_view text) {
  return IsResourceId(text) || ParseResourceName(collection, text).ok();
}

}  // namespace attune
