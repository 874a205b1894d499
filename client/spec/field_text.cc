// SPDX-License-Identifier: Apache-2.0
#include "client/spec/field_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/suggestion.h"

namespace attune {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status Expected(std::string_view what, std::string_view got) {
  return absl::InvalidArgumentError(
      absl::StrCat("must be ", std::string(what), ", got '", std::string(got), "'"));
}

template <typename T>
bool ParseInteger(const std::string& text, T& value) {
  return absl::SimpleAtoi(text, &value);
}

// Sets or adds, as the field is singular or repeated.
template <typename Value, typename Set, typename Add>
void Store(Message& message, const FieldDescriptor& field, Set set, Add add, Value value) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    (reflection.*add)(&message, &field, value);
  } else {
    (reflection.*set)(&message, &field, value);
  }
}

absl::Status SetInteger(Message& message, const FieldDescriptor& field, const std::string& text) {
  int32_t i32 = 0;
  int64_t i64 = 0;
  uint32_t u32 = 0;
  uint64_t u64 = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (!ParseInteger(text, i32)) return Expected("an integer", text);
      Store(message, field, &Reflection::SetInt32, &Reflection::AddInt32, i32);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_INT64:
      if (!ParseInteger(text, i64)) return Expected("an integer", text);
      Store(message, field, &Reflection::SetInt64, &Reflection::AddInt64, i64);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_UINT32:
      if (!ParseInteger(text, u32)) return Expected("an integer ≥ 0", text);
      Store(message, field, &Reflection::SetUInt32, &Reflection::AddUInt32, u32);
      return absl::OkStatus();
    default:
      if (!ParseInteger(text, u64)) return Expected("an integer ≥ 0", text);
      Store(message, field, &Reflection::SetUInt64, &Reflection::AddUInt64, u64);
      return absl::OkStatus();
  }
}

absl::Status SetNumber(Message& message, const FieldDescriptor& field, const std::string& text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return Expected("a finite number", text);
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    Store(message, field, &Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(value));
  } else {
    Store(message, field, &Reflection::SetDouble, &Reflection::AddDouble, value);
  }
  return absl::OkStatus();
}

absl::Status SetBool(Message& message, const FieldDescriptor& field, const std::string& text) {
  if (text != "true" && text != "false") return Expected("true or false", text);
  Store(message, field, &Reflection::SetBool, &Reflection::AddBool, text == "true");
  return absl::OkStatus();
}

absl::Status SetEnum(Message& message, const FieldDescriptor& field, const std::string& text) {
  const auto* value = field.enum_type()->FindValueByName(text);
  if (value == nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      names.push_back(field.enum_type()->value(i)->name());
    }
    return Expected(absl::StrCat("one of ", absl::StrJoin(names, ", ")), text);
  }
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddEnum(&message, &field, value);
  } else {
    reflection.SetEnum(&message, &field, value);
  }
  return absl::OkStatus();
}

// Duration and Timestamp have the same two fields.
void SetSecondsAndNanos(Message& message, int64_t seconds, int32_t nanos) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  reflection.SetInt64(&message, type.FindFieldByName("seconds"), seconds);
  reflection.SetInt32(&message, type.FindFieldByName("nanos"), nanos);
}

absl::Status SetTime(Message& message, const FieldDescriptor& field, const std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  absl::Duration value;
  if (field.message_type()->full_name() == "google.protobuf.Duration") {
    if (!absl::ParseDuration(text, &value) || value == absl::InfiniteDuration() ||
        value == -absl::InfiniteDuration()) {
      return Expected("a duration such as 90s, 5m or 1h30m", text);
    }
  } else {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
      return Expected("a time such as 2030-01-31T12:00:00Z", text);
    }
    value = time - absl::UnixEpoch();
  }
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(value, absl::Seconds(1), &rest);
  Message* target = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                        : reflection.MutableMessage(&message, &field);
  SetSecondsAndNanos(*target, seconds, static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return absl::OkStatus();
}

absl::Status SetString(Message& message, const FieldDescriptor& field, const std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddString(&message, &field, text);
  } else {
    reflection.SetString(&message, &field, text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetFieldFromText(Message& message, const FieldDescriptor& field,
                              std::string_view given) {
  const std::string text(given);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return SetNumber(message, field, text);
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(message, field, text);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(message, field, text);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(message, field, text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsTextMessage(*field.message_type())) return SetTime(message, field, text);
      return absl::InvalidArgumentError(absl::StrCat(
          "has fields of its own: ", absl::StrJoin(FieldNames(*field.message_type()), ", ")));
    default:
      return SetInteger(message, field, text);
  }
}

bool IsTextMessage(const Descriptor& type) {
  return type.full_name() == "google.protobuf.Duration" ||
         type.full_name() == "google.protobuf.Timestamp";
}

absl::Status CheckOneof(const Message& message, const FieldDescriptor& field) {
  const auto* oneof = field.real_containing_oneof();
  if (oneof == nullptr) return absl::OkStatus();
  const FieldDescriptor* set = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (set == nullptr || set == &field) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("cannot stand beside ", set->name(), "; keep one of the two"));
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

}  // namespace attune
