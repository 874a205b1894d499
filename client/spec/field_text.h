// SPDX-License-Identifier: Apache-2.0
// Sets fields of a message from what people write: "1e-4", "true", "5m", "CSV". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message.h>

#include "absl/status/status.h"

namespace attune {

// Sets (or, for a repeated field, adds) one scalar, enum, Duration or Timestamp. Exact: "1e3" is no
// integer, "1.5" no int64, "nan" no number. INVALID_ARGUMENT: "must be an integer, got '1e3'".
absl::Status SetFieldFromText(google::protobuf::Message& message,
                              const google::protobuf::FieldDescriptor& field,
                              std::string_view text);

// True for message types that SetFieldFromText takes as text.
bool IsTextMessage(const google::protobuf::Descriptor& type);

// OK, or INVALID_ARGUMENT when another member of the field's oneof is set already.
absl::Status CheckOneof(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field);

std::vector<std::string> FieldNames(const google::protobuf::Descriptor& type);

}  // namespace attune
