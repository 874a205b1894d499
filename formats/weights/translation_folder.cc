// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/translation_folder.h"

#include <array>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/text/name_list.h"
#include "formats/text/utf8.h"
#include "formats/weights/folder_files.h"
#include "formats/weights/hf_config.h"
#include "formats/weights/weights_files.h"

namespace attune {
namespace {

constexpr char kConfig[] = "config.json";
constexpr char kActivationScale[] = "_QuantMultA";  // of intgemm; nothing here reads them
constexpr char kOwnWeights[] = "Use the settings and the weights of one and the same model.";
constexpr char kMarianFolder[] =
    "Hand in a student model's weights as Marian's binary (.bin) and its vocabulary (.spm).";

bool IsMarianIn(const std::string& dir, const std::string& name) {
  std::array<char, 8> beginning = {};
  const auto file = RegularFile::OpenIn(dir, name);
  return absl::EndsWith(name, ".bin") && file.ok() &&
         file->ReadExactly(0, absl::MakeSpan(beginning)).ok() &&
         IsMarianFile({beginning.data(), beginning.size()});
}

int64_t ElementsOf(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

// As Marian has it: a matrix of a layer the other way round, a vector as one row.
std::vector<int64_t> MarianShape(const TranslationTensorPlan& plan) {
  if (plan.shape.size() == 1) return {1, plan.shape[0]};
  return plan.layer_matrix ? std::vector<int64_t>{plan.shape[1], plan.shape[0]} : plan.shape;
}

}  // namespace

// Fills a TranslationFolder step by step; each step reports its problems, and the next one runs
// only when it has what it needs.
class TranslationFolderReader {
 public:
  TranslationFolderReader(const std::string& dir, Problems& problems) : problems_(problems) {
    folder_->dir_ = dir;
  }

  std::unique_ptr<TranslationFolder> Read() {
    names_ = ModelFileNames(folder_->dir_, kMarianFolder, problems_);
    if (!problems_.empty()) return nullptr;
    const bool exported = names_.contains(kConfig);
    if (exported) ReadConfig();
    if (!problems_.empty()) return nullptr;
    FindVocabulary();
    OpenMarianFile(exported);
    if (exported) folder_->weights_ = OpenWeightsFile(folder_->dir_, "", problems_);
    if (!problems_.empty()) return nullptr;
    if (!exported) ReadMarianSettings();
    if (!problems_.empty()) return nullptr;
    for (const TranslationTensorPlan& tensor : TranslationTensors(folder_->config_)) {
      folder_->plan_.emplace(tensor.name, tensor);
    }
    if (exported) CheckExported();
    if (folder_->marian_ != nullptr) CheckMarian();
    return problems_.empty() ? std::move(folder_) : nullptr;
  }

 private:
  void Refuse(std::string where, std::string message, std::string remedy) {
    problems_.Add({std::move(where), 0, 0, std::move(message), std::move(remedy)});
  }

  // Both languages share one.
  void FindVocabulary() {
    std::vector<std::string> found;
    for (const std::string& name : names_) {
      if (absl::EndsWith(name, ".spm")) found.push_back(name);
    }
    if (found.size() == 1) {
      folder_->tokenizer_file_ = found[0];
    } else if (found.empty()) {
      Refuse("", "the folder has no SentencePiece vocabulary (.spm)", kMarianFolder);
    } else {
      Refuse("", absl::StrCat("the folder has ", found.size(), " vocabularies: ", NameList(found)),
             "Leave the one that both languages use; models with two are not supported.");
    }
  }

  void OpenMarianFile(bool exported) {
    std::vector<std::string> found;
    for (const std::string& name : names_) {
      if (IsMarianIn(folder_->dir_, name)) found.push_back(name);
    }
    if (found.empty() && exported) return;
    if (found.size() != 1) {
      Refuse("",
             found.empty() ? std::string("the folder has no weights in Marian's binary form (.bin)")
                           : absl::StrCat("the folder has ", found.size(),
                                          " Marian models: ", NameList(found)),
             found.empty() ? kMarianFolder : "Leave one of them in the folder.");
      return;
    }
    auto file = RegularFile::OpenIn(folder_->dir_, found[0]);
    auto marian = file.ok() ? MarianFile::Open(*std::move(file), found[0])
                            : absl::StatusOr<MarianFile>(file.status());
    if (marian.ok()) {
      folder_->marian_ = std::make_unique<MarianFile>(*std::move(marian));
    } else {
      problems_.Add(std::string(marian.status().message()), "Hand in the file again.");
    }
  }

  void ReadConfig() {
    const auto text = ReadModelFile(folder_->dir_, kConfig, kMaxConfigBytes);
    if (text.ok()) {
      folder_->config_ = ParseTranslationConfig(*text, problems_);
    } else {
      Refuse(kConfig, std::string(text.status().message()), "Hand in the folder as exported.");
    }
  }

  void ReadMarianSettings() {
    const MarianFile& file = *folder_->marian_;
    folder_->config_ = ParseMarianSettings(file.settings(), file.name(), problems_);
  }

  void CheckExported() {
    std::set<std::string, std::less<>> expected;
    for (const auto& [name, plan] : folder_->plan_) {
      expected.insert(name);
      const TensorInfo* tensor = folder_->weights_->Find(name);
      Check(folder_->weights_->name(), name, plan.shape,
            tensor == nullptr ? nullptr : &tensor->shape);
      if (tensor != nullptr && !IsFloating(*tensor)) {
        Refuse(folder_->weights_->name(),
               absl::StrCat(name, " is ", std::string(DTypeName(tensor->dtype)),
                            " instead of F32, F16 or BF16"),
               kOwnWeights);
      }
    }
    for (const TensorInfo& tensor : folder_->weights_->tensors()) {
      if (!expected.contains(tensor.name)) extra_.push_back(tensor.name);
    }
    RefuseLists(folder_->weights_->name());
  }

  void CheckMarian() {
    std::set<std::string, std::less<>> expected;
    for (const auto& [name, plan] : folder_->plan_) {
      expected.insert(plan.marian);
      const MarianTensor* tensor = folder_->marian_->Find(plan.marian);
      Check(folder_->marian_->name(), plan.marian, MarianShape(plan),
            tensor == nullptr ? nullptr : &tensor->shape);
    }
    for (const MarianTensor& tensor : folder_->marian_->tensors()) {
      const bool known =
          expected.contains(tensor.name) || absl::EndsWith(tensor.name, kActivationScale);
      if (!known) extra_.push_back(tensor.name);
    }
    RefuseLists(folder_->marian_->name());
  }

  void Check(const std::string& file, const std::string& name, const std::vector<int64_t>& shape,
             const std::vector<int64_t>* found) {
    if (found == nullptr) {
      missing_.push_back(name);
    } else if (*found != shape) {
      Refuse(Printable(file, 255),
             absl::StrCat(name, " is ", ShapeText(*found), " instead of ", ShapeText(shape)),
             kOwnWeights);
    }
  }

  void RefuseLists(const std::string& file) {
    const auto refuse = [&](std::string_view what, std::vector<std::string>& names) {
      if (names.empty()) return;
      Refuse(Printable(file, 255),
             absl::StrCat(names.size(), " ", std::string(what), ": ", NameList(names)),
             kOwnWeights);
      names.clear();
    };
    refuse("tensors are missing", missing_);
    refuse("tensors are not part of a student with an SSRU decoder", extra_);
  }

  Problems& problems_;
  std::unique_ptr<TranslationFolder> folder_{new TranslationFolder};
  std::set<std::string> names_;
  std::vector<std::string> missing_, extra_;
};

std::unique_ptr<TranslationFolder> TranslationFolder::Open(const std::string& dir,
                                                           Problems& problems) {
  return TranslationFolderReader(dir, problems).Read();
}

absl::StatusOr<std::unique_ptr<TranslationFolder>> TranslationFolder::Open(const std::string& dir) {
  Problems problems;
  std::unique_ptr<TranslationFolder> folder = Open(dir, problems);
  ATTUNE_RETURN_IF_ERROR(problems.ToStatus("INVALID_MODEL", "the model folder"));
  return folder;
}

int64_t TranslationFolder::parameters() const {
  int64_t sum = 0;
  for (const auto& [name, plan] : plan_) sum += ElementsOf(plan.shape);
  return sum;
}

std::vector<int64_t> TranslationFolder::Shape(std::string_view name) const {
  const auto found = plan_.find(name);
  return found == plan_.end() ? std::vector<int64_t>() : found->second.shape;
}

absl::Status TranslationFolder::ReadFloats(std::string_view name, absl::Span<float> out) const {
  const auto found = plan_.find(name);
  if (found == plan_.end()) return absl::NotFoundError("no such tensor");
  if (static_cast<int64_t>(out.size()) != ElementsOf(found->second.shape)) {
    return absl::InternalError("a buffer of another size than the tensor");
  }
  if (weights_ == nullptr) return ReadMarianFloats(found->second, out);
  return weights_->ReadFloats(*weights_->Find(name), out);
}

absl::Status TranslationFolder::ReadMarianFloats(const TranslationTensorPlan& plan,
                                                 absl::Span<float> out) const {
  const MarianTensor& tensor = *marian_->Find(plan.marian);
  if (!plan.layer_matrix || tensor.transposed()) return marian_->ReadFloats(tensor, out);
  std::vector<float> values(out.size());
  ATTUNE_RETURN_IF_ERROR(marian_->ReadFloats(tensor, absl::MakeSpan(values)));
  const auto outputs = static_cast<size_t>(plan.shape[0]);
  const auto inputs = static_cast<size_t>(plan.shape[1]);
  for (size_t i = 0; i < outputs; ++i) {
    for (size_t j = 0; j < inputs; ++j) out[i * inputs + j] = values[j * outputs + i];
  }
  return absl::OkStatus();
}

absl::Status TranslationFolder::CheckFinite() const {
  std::vector<float> values;
  for (const auto& [name, plan] : plan_) {
    values.resize(static_cast<size_t>(ElementsOf(plan.shape)));
    ATTUNE_RETURN_IF_ERROR(ReadFloats(name, absl::MakeSpan(values)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SentencePiece>> TranslationFolder::OpenTokenizer() const {
  // The folder was looked through when it was opened; a link that came since is not followed.
  ATTUNE_RETURN_IF_ERROR(RegularFile::OpenIn(dir_, tokenizer_file_).status());
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<SentencePiece> tokenizer,
                          SentencePiece::Open(absl::StrCat(dir_, "/", tokenizer_file_)));
  if (tokenizer->vocab_size() != config_.vocab_size) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat(Printable(tokenizer_file_, 255), ": it has ",
                                  tokenizer->vocab_size(), " pieces, but the embedding has ",
                                  config_.vocab_size, " rows; use the vocabulary of this model"));
  }
  return tokenizer;
}

bool HoldsTranslationModel(const std::string& dir) {
  Problems problems;
  const std::set<std::string> names = ModelFileNames(dir, "", problems);
  if (names.contains(kConfig)) {
    const auto text = ReadModelFile(dir, kConfig, kMaxConfigBytes);
    return text.ok() && IsTranslationConfig(*text);
  }
  for (const std::string& name : names) {
    if (absl::EndsWith(name, ".spm") || IsMarianIn(dir, name)) return true;
  }
  return false;
}

}  // namespace attune
