// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece/model_file.h"

#include <cmath>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/sentence_piece/wire_reader.h"
#include "formats/tokenizers/vocabulary.h"

namespace attune {
namespace {

using Type = WireField::Type;

constexpr uint64_t kUnigram = 1, kBytePairs = 2;  // TrainerSpec.model_type
constexpr char kOtherModel[] = "hand in the .spm file that the translation model was trained with";

absl::Status Invalid(std::string message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL", message);
}

absl::Status Expect(const WireField& field, Type type, std::string_view name) {
  if (field.type == type) return absl::OkStatus();
  return DamagedAt(field.offset,
                   absl::StrCat("'", std::string(name), "' is of another wire type (",
                                static_cast<int>(field.type), ") than the format says"));
}

absl::Status ReadText(const WireField& field, std::string_view name, std::string* text) {
  ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kBytes, name));
  if (FindInvalidUtf8(field.bytes) != std::string_view::npos) {
    return DamagedAt(field.offset, absl::StrCat("'", std::string(name), "' is not valid UTF-8"));
  }
  *text = field.bytes;
  return absl::OkStatus();
}

absl::Status ReadFlag(const WireField& field, std::string_view name, bool* flag) {
  ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kVarint, name));
  *flag = field.value != 0;
  return absl::OkStatus();
}

absl::Status ReadScore(const WireField& field, float* score) {
  ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kFixed32, "score"));
  const auto bits = static_cast<uint32_t>(field.value);
  std::memcpy(score, &bits, sizeof(bits));
  if (std::isfinite(*score)) return absl::OkStatus();
  return DamagedAt(field.offset, "the score of a piece is not finite");
}

absl::Status ReadKind(const WireField& field, PieceKind* kind) {
  ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kVarint, "type"));
  if (field.value < 1 || field.value > 6) {
    return DamagedAt(field.offset,
                     absl::StrCat("a piece is of type ", field.value, "; types are from 1 to 6"));
  }
  *kind = static_cast<PieceKind>(field.value);
  return absl::OkStatus();
}

absl::StatusOr<ScoredPiece> ReadPiece(WireReader reader, size_t offset) {
  ScoredPiece piece;
  while (!reader.done()) {
    ATTUNE_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    if (field.number == 1) ATTUNE_RETURN_IF_ERROR(ReadText(field, "piece", &piece.text));
    if (field.number == 2) ATTUNE_RETURN_IF_ERROR(ReadScore(field, &piece.score));
    if (field.number == 3) ATTUNE_RETURN_IF_ERROR(ReadKind(field, &piece.kind));
  }
  if (piece.text.empty()) return DamagedAt(offset, "a piece is empty");
  if (piece.text.size() > kMaxPieceBytes) {
    return DamagedAt(offset, absl::StrCat("a piece has ", piece.text.size(), " bytes; at most ",
                                          kMaxPieceBytes, " are read"));
  }
  if (piece.text.find('\0') != std::string::npos) {
    return DamagedAt(offset, "a piece has a NUL in it");
  }
  return piece;
}

absl::Status CheckModelType(const WireField& field) {
  ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kVarint, "model_type"));
  if (field.value == kUnigram) return absl::OkStatus();
  return Invalid(absl::StrCat("the model is of type ", field.value,
                              field.value == kBytePairs ? " (BPE)" : "",
                              "; only type 1 (unigram) is supported: ", kOtherModel));
}

// Fields that say how the model was trained are of no interest.
absl::Status ReadTrainerField(const WireField& field, SentencePieceFile* file) {
  switch (field.number) {
    case 3:
      return CheckModelType(field);
    case 24:
      return ReadFlag(field, "treat_whitespace_as_suffix", &file->normalizer.whitespace_as_suffix);
    case 35:
      return ReadFlag(field, "byte_fallback", &file->byte_fallback);
    case 44:
      return ReadText(field, "unk_surface", &file->unknown_surface);
    case 47:
      return ReadText(field, "eos_piece", &file->end_piece);
    default:
      return absl::OkStatus();
  }
}

// The others are its name and the rules that the map was made of.
absl::Status ReadNormalizerField(const WireField& field, NormalizerSettings* settings) {
  switch (field.number) {
    case 2:
      ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kBytes, "precompiled_charsmap"));
      settings->character_map = field.bytes;
      return absl::OkStatus();
    case 3:
      return ReadFlag(field, "add_dummy_prefix", &settings->add_dummy_prefix);
    case 4:
      return ReadFlag(field, "remove_extra_whitespaces", &settings->remove_extra_whitespaces);
    case 5:
      return ReadFlag(field, "escape_whitespaces", &settings->escape_whitespaces);
    default:
      return absl::OkStatus();
  }
}

absl::Status ReadTrainerSpec(WireReader reader, SentencePieceFile* file) {
  while (!reader.done()) {
    ATTUNE_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    ATTUNE_RETURN_IF_ERROR(ReadTrainerField(field, file));
  }
  return absl::OkStatus();
}

absl::Status ReadNormalizerSpec(WireReader reader, NormalizerSettings* settings) {
  while (!reader.done()) {
    ATTUNE_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    ATTUNE_RETURN_IF_ERROR(ReadNormalizerField(field, settings));
  }
  return absl::OkStatus();
}

absl::Status RefuseDenormalizer(WireReader reader) {
  NormalizerSettings denormalizer;
  ATTUNE_RETURN_IF_ERROR(ReadNormalizerSpec(reader, &denormalizer));
  if (denormalizer.character_map.empty()) return absl::OkStatus();
  return Invalid(
      "the model has a denormalizer (denormalizer_spec), which is not supported: hand in another "
      "model");
}

absl::Status ReadField(std::string_view bytes, const WireField& field, SentencePieceFile* file) {
  constexpr const char* kNames[] = {"", "pieces",           "trainer_spec", "normalizer_spec",
                                    "", "denormalizer_spec"};
  const bool known = field.number <= 5 && field.number != 4;
  if (!known) return absl::OkStatus();  // self_test_data and extensions
  ATTUNE_RETURN_IF_ERROR(Expect(field, Type::kBytes, kNames[field.number]));
  const WireReader message(bytes, field);
  if (field.number == 2) return ReadTrainerSpec(message, file);
  if (field.number == 3) return ReadNormalizerSpec(message, &file->normalizer);
  if (field.number == 5) return RefuseDenormalizer(message);
  if (file->pieces.size() == kMaxVocabulary) {
    return DamagedAt(field.offset, absl::StrCat("there are more than ", kMaxVocabulary, " pieces"));
  }
  ATTUNE_ASSIGN_OR_RETURN(ScoredPiece piece, ReadPiece(message, field.offset));
  file->pieces.push_back(std::move(piece));
  return absl::OkStatus();
}

// Finds the pieces that every model needs.
class PieceCheck {
 public:
  explicit PieceCheck(SentencePieceFile& file) : file_(file) {}

  absl::Status Run() {
    if (file_.pieces.empty())
      return Invalid("the file has no pieces: it is no SentencePiece model");
    for (size_t id = 0; id < file_.pieces.size(); ++id) {
      ATTUNE_RETURN_IF_ERROR(Add(static_cast<int32_t>(id)));
    }
    if (file_.unknown_id < 0) {
      return Invalid(absl::StrCat("no piece is of type 2 (unknown): ", kOtherModel));
    }
    if (normal_ == 0) return Invalid(absl::StrCat("no piece is of type 1 (normal): ", kOtherModel));
    ATTUNE_RETURN_IF_ERROR(CheckBytes());
    return FindEnd();
  }

 private:
  absl::Status Add(int32_t id) {
    const ScoredPiece& piece = file_.pieces[static_cast<size_t>(id)];
    const auto [place, added] = ids_.insert({piece.text, id});
    if (!added) {
      return Invalid(absl::StrCat("pieces ", place->second, " and ", id, " are both '",
                                  Printable(piece.text), "'; a piece may be there once"));
    }
    if (piece.kind == PieceKind::kNormal) ++normal_;
    if (piece.kind == PieceKind::kByte) ++bytes_;
    if (piece.kind != PieceKind::kUnknown) return absl::OkStatus();
    if (file_.unknown_id >= 0) {
      return Invalid(absl::StrCat("pieces ", file_.unknown_id, " and ", id,
                                  " are both of type 2 (unknown); there may be one"));
    }
    file_.unknown_id = id;
    return absl::OkStatus();
  }

  const ScoredPiece* Find(std::string_view text) const {
    const auto found = ids_.find(absl::string_view(text.data(), text.size()));
    return found == ids_.end() ? nullptr : &file_.pieces[static_cast<size_t>(found->second)];
  }

  // With byte fallback, one piece for each byte; else none.
  absl::Status CheckBytes() const {
    if (bytes_ != (file_.byte_fallback ? 256 : 0)) {
      return Invalid(absl::StrCat("the model has ", bytes_, " pieces of type 6 (byte); with ",
                                  "byte_fallback there must be 256, else none"));
    }
    for (int byte = 0; byte < bytes_; ++byte) {
      const std::string text = BytePiece(static_cast<uint8_t>(byte));
      const ScoredPiece* piece = Find(text);
      if (piece == nullptr || piece->kind != PieceKind::kByte) {
        return Invalid(
            absl::StrCat("the model has byte_fallback and no piece of type 6 (byte) '", text, "'"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status FindEnd() {
    const ScoredPiece* end = Find(file_.end_piece);
    if (end == nullptr || end->kind != PieceKind::kControl) {
      return Invalid(absl::StrCat("no piece '", Printable(file_.end_piece),
                                  "' of type 3 (control) ends a text: ", kOtherModel));
    }
    file_.end_id = static_cast<int32_t>(end - file_.pieces.data());
    return absl::OkStatus();
  }

  SentencePieceFile& file_;
  absl::flat_hash_map<absl::string_view, int32_t> ids_;
  int normal_ = 0, bytes_ = 0;
};

}  // namespace

absl::StatusOr<SentencePieceFile> ParseSentencePieceFile(std::string_view bytes) {
  SentencePieceFile file;
  for (WireReader reader(bytes); !reader.done();) {
    ATTUNE_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    ATTUNE_RETURN_IF_ERROR(ReadField(bytes, field, &file));
  }
  ATTUNE_RETURN_IF_ERROR(PieceCheck(file).Run());
  return file;
}

std::string BytePiece(uint8_t byte) { return absl::StrFormat("<0x%02X>", byte); }

}  // namespace attune
