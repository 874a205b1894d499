// SPDX-License-Identifier: Apache-2.0
#include "client/spec/job_yaml.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/suggestion.h"
#include "client/client_errors.h"
#include "client/spec/field_text.h"

namespace attune {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 10'000;  // aliases may repeat a node: this bounds what they expand to

// Fills a message from a YAML tree.
class YamlReader {
 public:
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  absl::Status ReadMessage(const YAML::Node& node, Message& message, int depth = 0) {
    ATTUNE_RETURN_IF_ERROR(CheckLimits(node, depth));
    if (node.IsNull()) return absl::OkStatus();
    if (!node.IsMap()) {
      return Wrong(node, absl::StrCat("expected fields of ", message.GetDescriptor()->name()));
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Wrong(entry.first, "a field name must be plain text");
      const std::string& key = entry.first.Scalar();
      const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(key);
      if (field == nullptr) return UnknownField(entry.first, *message.GetDescriptor());
      if (!seen.insert(key).second) return Wrong(entry.first, absl::StrCat(key, " is there twice"));
      if (auto clash = CheckOneof(message, *field); !clash.ok()) {
        return Wrong(entry.first, absl::StrCat(key, " ", clash.message()));
      }
      ATTUNE_RETURN_IF_ERROR(ReadField(entry.second, message, *field, depth + 1));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadField(const YAML::Node& node, Message& message, const FieldDescriptor& field,
                         int depth) {
    ATTUNE_RETURN_IF_ERROR(CheckLimits(node, depth));
    if (field.is_map()) return ReadMap(node, message, field, depth);
    if (!field.is_repeated()) return ReadValue(node, message, field, depth);
    if (!node.IsSequence()) return Wrong(node, absl::StrCat(field.name(), " must be a list"));
    for (const YAML::Node& item : node) {
      ATTUNE_RETURN_IF_ERROR(ReadValue(item, message, field, depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status ReadMap(const YAML::Node& node, Message& message, const FieldDescriptor& field,
                       int depth) {
    if (!node.IsMap()) return Wrong(node, absl::StrCat(field.name(), " must be key: value pairs"));
    const Descriptor& entry_type = *field.message_type();
    std::set<std::string> seen;
    for (const auto& pair : node) {
      if (!pair.first.IsScalar()) return Wrong(pair.first, "a key must be plain text");
      if (!seen.insert(pair.first.Scalar()).second) {
        return Wrong(pair.first, absl::StrCat(pair.first.Scalar(), " is there twice"));
      }
      Message& entry = *message.GetReflection()->AddMessage(&message, &field);
      ATTUNE_RETURN_IF_ERROR(ReadValue(pair.first, entry, *entry_type.map_key(), depth + 1));
      ATTUNE_RETURN_IF_ERROR(ReadValue(pair.second, entry, *entry_type.map_value(), depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status ReadValue(const YAML::Node& node, Message& message, const FieldDescriptor& field,
                         int depth) {
    ATTUNE_RETURN_IF_ERROR(CheckLimits(node, depth));
    if (field.message_type() != nullptr && !IsTextMessage(*field.message_type())) {
      const auto& reflection = *message.GetReflection();
      return ReadMessage(node,
                         field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                             : *reflection.MutableMessage(&message, &field),
                         depth + 1);
    }
    if (!node.IsScalar()) return Wrong(node, absl::StrCat(field.name(), " must be one value"));
    const absl::Status set = SetFieldFromText(message, field, node.Scalar());
    return set.ok() ? set : Wrong(node, absl::StrCat(field.name(), " ", set.message()));
  }

  absl::Status CheckLimits(const YAML::Node& node, int depth) {
    if (depth > kMaxDepth) return Wrong(node, "nested too deeply");
    if (++nodes_ > kMaxNodes) return Wrong(node, absl::StrCat("more than ", kMaxNodes, " values"));
    return absl::OkStatus();
  }

  absl::Status UnknownField(const YAML::Node& key, const Descriptor& type) {
    const auto names = FieldNames(type);
    const std::string nearest = DidYouMean(key.Scalar(), names);
    return Wrong(key, absl::StrCat("unknown field '", key.Scalar(), "' of ", type.name(), nearest),
                 absl::StrCat("fields: ", absl::StrJoin(names, ", ")));
  }

  absl::Status Wrong(const YAML::Node& node, std::string_view what,
                     std::string_view remedy = "correct the file and submit again") {
    const YAML::Mark mark = node.Mark();
    return ClientError(
        ClientReason::kLocalInput,
        absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1, ": ", std::string(what)),
        remedy);
  }

  const std::string file_;
  int nodes_ = 0;
};

// yaml-cpp throws; nothing beyond this function does.
absl::StatusOr<YAML::Node> LoadYaml(std::string_view text, const std::string& file) {
  try {
    return YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    return ClientError(ClientReason::kLocalInput,
                       absl::StrCat(file, ":", error.mark.line + 1, ":", error.mark.column + 1,
                                    ": not YAML: ", error.msg),
                       "correct the file and submit again");
  }
}

// Whether the file holds a JobSpec rather than a Job.
bool HoldsSpec(const YAML::Node& root) {
  if (!root.IsMap()) return false;
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) continue;
    const std::string& key = entry.first.Scalar();
    if (key == "fine_tune" || key == "evaluate" || key == "predict") return true;
  }
  return false;
}

absl::Status UnknownSetting(const std::string& path, const std::string& part,
                            const Descriptor& type) {
  const auto names = FieldNames(type);
  return ClientError(
      ClientReason::kUsage,
      absl::StrCat("--set ", path, ": unknown field '", part, "'", DidYouMean(part, names)),
      absl::StrCat("fields of ", type.name(), ": ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<v1::Job> ParseJobYaml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxJobFileBytes) {
    return ClientError(ClientReason::kLocalInput, absl::StrCat(file, " is larger than 1 MiB"),
                       "a job file names its data, it does not hold it");
  }
  ATTUNE_ASSIGN_OR_RETURN(const YAML::Node root, LoadYaml(text, file));
  v1::Job job;
  YamlReader reader(file);
  Message& target = HoldsSpec(root) ? static_cast<Message&>(*job.mutable_spec()) : job;
  ATTUNE_RETURN_IF_ERROR(reader.ReadMessage(root, target));
  return job;
}

absl::Status ApplySetting(std::string_view given, v1::JobSpec& spec) {
  const std::string setting(given);
  const size_t equals = setting.find('=');
  const std::string path = setting.substr(0, equals);
  if (equals == std::string::npos || path.empty()) {
    return ClientError(ClientReason::kUsage,
                       absl::StrCat("--set ", setting, ": expected PATH=VALUE"),
                       "for example --set hyperparameters.learning_rate=1e-4");
  }
  Message* message = spec.has_evaluate()  ? static_cast<Message*>(spec.mutable_evaluate())
                     : spec.has_predict() ? static_cast<Message*>(spec.mutable_predict())
                                          : spec.mutable_fine_tune();
  const std::vector<std::string> parts = absl::StrSplit(path, '.');
  for (size_t i = 0; i < parts.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(parts[i]);
    if (field == nullptr) return UnknownSetting(path, parts[i], *message->GetDescriptor());
    absl::Status set = CheckOneof(*message, *field);
    const bool last = i + 1 == parts.size();
    if (set.ok() && last) set = SetFieldFromText(*message, *field, setting.substr(equals + 1));
    if (set.ok() && !last && (field->message_type() == nullptr || field->is_repeated())) {
      set = absl::InvalidArgumentError(absl::StrCat(parts[i], " has no fields"));
    }
    if (!set.ok()) {
      return ClientError(ClientReason::kUsage, absl::StrCat("--set ", path, ": ", set.message()),
                         "see the fields in proto/attune/v1/job_spec.proto");
    }
    if (!last) message = message->GetReflection()->MutableMessage(message, field);
  }
  return absl::OkStatus();
}

}  // namespace attune
