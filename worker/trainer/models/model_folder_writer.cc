// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/model_folder_writer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/file_system.h"
#include "formats/weights/encoder_tensors.h"
#include "formats/weights/hf_config.h"
#include "formats/weights/sentence_modules.h"

namespace attune {
namespace {

constexpr char kWeights[] = "model.safetensors";

absl::Status WriteTokenizer(const ModelFolder& base, const std::string& dir) {
  FileSystem& files = PosixFileSystem();
  for (const std::string& name : base.tokenizer_files()) {
    ATTUNE_ASSIGN_OR_RETURN(const std::string content, files.ReadFile(JoinPath(base.dir(), name)));
    ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(JoinPath(dir, name), content));
  }
  return absl::OkStatus();
}

absl::Status WriteSentenceFiles(const EncoderConfig& config, int64_t outputs,
                                const std::string& dir) {
  FileSystem& files = PosixFileSystem();
  for (const auto& [name, content] :
       SentenceFiles(config.hidden_size, outputs, config.max_length())) {
    const std::string path = JoinPath(dir, name);
    ATTUNE_RETURN_IF_ERROR(files.MakeDirs(path.substr(0, path.rfind('/'))));
    ATTUNE_RETURN_IF_ERROR(files.WriteFileAtomically(path, content));
  }
  return absl::OkStatus();
}

// The encoder by the names of the plain model, the head as the dense layer beside it.
absl::Status WriteOnMean(const EncoderConfig& config, const std::vector<NamedTensor>& values,
                         const std::string& dir) {
  std::vector<NamedTensor> encoder, head;
  for (const NamedTensor& value : values) {
    const std::string canonical = CanonicalName(config, value.name);
    absl::string_view part = canonical;
    if (absl::ConsumePrefix(&part, "head.out.")) {
      head.push_back({absl::StrCat("linear.", part), value.tensor});
    } else {
      encoder.push_back({PlainName(config, value.name), value.tensor});
    }
  }
  ATTUNE_RETURN_IF_ERROR(WriteSentenceFiles(config, head.front().tensor.size(0), dir));
  ATTUNE_RETURN_IF_ERROR(WriteTensors(JoinPath(JoinPath(dir, kDenseFolder), kWeights), head));
  return WriteTensors(JoinPath(dir, kWeights), encoder);
}

}  // namespace

absl::Status WriteModelFolder(const ModelFolder& base, Pooling pooling,
                              const ClassifierMeaning& meaning,
                              const std::vector<NamedTensor>& values, const std::string& dir) {
  ATTUNE_ASSIGN_OR_RETURN(
      const std::string config,
      ConfigForClassifier(base.config_json(), meaning.labels, meaning.problem_type, pooling));
  ATTUNE_RETURN_IF_ERROR(
      PosixFileSystem().WriteFileAtomically(JoinPath(dir, "config.json"), config));
  ATTUNE_RETURN_IF_ERROR(WriteTokenizer(base, dir));
  if (pooling == Pooling::kMean) return WriteOnMean(base.config(), values, dir);
  return WriteTensors(JoinPath(dir, kWeights), values);
}

}  // namespace attune
