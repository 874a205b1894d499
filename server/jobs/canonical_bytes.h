// SPDX-License-Identifier: Apache-2.0
// A message as bytes that are equal for equal messages, for digests. Pure.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace attune {

// Serialised with maps sorted by key.
std::string CanonicalBytes(const google::protobuf::Message& message);

}  // namespace attune
