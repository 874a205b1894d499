// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/sentence_piece.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/errors.h"
#include "formats/files/regular_file.h"
#include "formats/text/utf8.h"
#include "formats/tokenizers/sentence_piece/model_file.h"
#include "formats/tokenizers/sentence_piece/piece_normalizer.h"
#include "formats/tokenizers/sentence_piece/unigram.h"

namespace attune {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

// Valid UTF-8, each byte that is part of none as U+FFFD.
std::string Repaired(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t valid = std::min(FindInvalidUtf8(bytes), bytes.size());
    text.append(bytes.substr(0, valid));
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    text.append(kReplacement);
    bytes.remove_prefix(1);
  }
  return text;
}

class UnigramSentencePiece : public SentencePiece {
 public:
  UnigramSentencePiece(SentencePieceFile file, PieceNormalizer normalizer)
      : file_(std::move(file)), normalizer_(std::move(normalizer)), unigram_(file_) {
    for (size_t id = 0; id < file_.pieces.size(); ++id) {
      const ScoredPiece& piece = file_.pieces[id];
      if (piece.kind == PieceKind::kByte) byte_ids_[ByteOf(piece.text)] = static_cast<int32_t>(id);
    }
  }

  std::vector<int32_t> Encode(std::string_view text) const override {
    const std::string normalized = normalizer_.Normalize(text);
    std::vector<int32_t> ids;
    bool behind_unknown = false;  // a run of unknown characters is one <unk>
    for (const Unigram::Cut& cut : unigram_.Segment(normalized)) {
      const bool unknown = cut.id == file_.unknown_id;
      if (unknown && file_.byte_fallback) {
        for (size_t at = cut.begin; at < cut.end; ++at) {
          ids.push_back(byte_ids_[static_cast<uint8_t>(normalized[at])]);
        }
      } else if (!unknown || !behind_unknown) {
        ids.push_back(cut.id);
      }
      behind_unknown = unknown;
    }
    return ids;
  }

  std::string Decode(absl::Span<const int32_t> ids) const override {
    std::string text, bytes;
    bool prefix_gone = false;
    for (const int32_t id : ids) {
      const ScoredPiece& piece = file_.pieces[static_cast<size_t>(id)];
      if (piece.kind == PieceKind::kByte) {
        bytes.push_back(static_cast<char>(ByteOf(piece.text)));
        continue;
      }
      text += Repaired(bytes);
      bytes.clear();
      AppendPiece(piece, &prefix_gone, &text);
    }
    return text + Repaired(bytes);
  }

  int64_t vocab_size() const override { return static_cast<int64_t>(file_.pieces.size()); }
  int32_t end_id() const override { return file_.end_id; }
  int32_t unknown_id() const override { return file_.unknown_id; }

 private:
  // The text of a byte piece, "<0x0A>", was checked.
  static uint8_t ByteOf(const std::string& piece) {
    const auto digit = [&](size_t at) {
      return piece[at] <= '9' ? piece[at] - '0' : piece[at] - 55;
    };
    return static_cast<uint8_t>(digit(3) * 16 + digit(4));
  }

  // The space that encoding puts before a text goes again: one in all, or, where spaces at the
  // beginning go too, one of each piece that nothing stands before.
  void AppendPiece(const ScoredPiece& piece, bool* prefix_gone, std::string* text) const {
    if (piece.kind == PieceKind::kControl) return;
    if (piece.kind == PieceKind::kUnknown) {
      *text += file_.unknown_surface;
      return;
    }
    std::string_view shown = piece.text;
    const NormalizerSettings& settings = file_.normalizer;
    const bool strips = settings.add_dummy_prefix || settings.remove_extra_whitespaces;
    if (strips && text->empty() && !*prefix_gone &&
        shown.substr(0, kSpacePiece.size()) == kSpacePiece) {
      shown.remove_prefix(kSpacePiece.size());
      *prefix_gone = !settings.remove_extra_whitespaces;
    }
    const absl::string_view space(kSpacePiece.data(), kSpacePiece.size());
    *text += absl::StrReplaceAll(absl::string_view(shown.data(), shown.size()), {{space, " "}});
  }

  const SentencePieceFile file_;
  const PieceNormalizer normalizer_;
  const Unigram unigram_;
  std::array<int32_t, 256> byte_ids_ = {};  // with byte fallback
};

}  // namespace

absl::StatusOr<std::unique_ptr<SentencePiece>> SentencePiece::Open(const std::string& path) {
  const auto named = [&](const absl::Status& status) {
    if (!absl::IsInvalidArgument(status)) return status;
    const std::string name = path.substr(path.rfind('/') + 1);
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_MODEL",
                     absl::StrCat(Printable(name, 255), ": ", status.message()));
  };
  ATTUNE_ASSIGN_OR_RETURN(const RegularFile opened, RegularFile::Open(path));
  const absl::StatusOr<std::string> bytes = opened.ReadAll(kMaxSentencePieceFileBytes);
  if (!bytes.ok()) return named(bytes.status());
  absl::StatusOr<SentencePieceFile> file = ParseSentencePieceFile(*bytes);
  if (!file.ok()) return named(file.status());
  absl::StatusOr<PieceNormalizer> normalizer = PieceNormalizer::Create(*file);
  if (!normalizer.ok()) return named(normalizer.status());
  file->normalizer.character_map.clear();
  return std::make_unique<UnigramSentencePiece>(*std::move(file), *std::move(normalizer));
}

}  // namespace attune
