// SPDX-License-Identifier: Apache-2.0
#include "formats/tokenizers/files/frame_json.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "formats/text/utf8.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPostProcessors[] = "BertProcessing, RobertaProcessing, TemplateProcessing";

bool Fits(const AddedTokens::Token& token) {
  return !token.content.empty() && token.content.size() <= AddedTokens::kMaxBytes;
}

absl::Status AddNormalizedToken(const JsonValues& values, AddedTokens::Token token,
                                NormalizeFunction normalize, TokenFrame* frame) {
  token.content = normalize(token.content);
  const int32_t id = token.id;
  if (Fits(token) && frame->normalized_tokens.Add(std::move(token))) return absl::OkStatus();
  return values.Invalid(absl::StrCat("the added token of id ", id,
                                     " is empty, too long or the same as another once normalized"));
}

// "[CLS]:0" for a special token of type 0, "$A:0" for the first text.
std::string TemplateText(const Json& pieces) {
  std::string text;
  for (const Json& piece : pieces) {
    const Json& special = JsonValues::At(piece, "SpecialToken");
    const Json& item = special.is_null() ? JsonValues::At(piece, "Sequence") : special;
    const Json& id = JsonValues::At(item, "id");
    const std::string name = id.is_string() ? id.get<std::string>() : "?";
    absl::StrAppend(&text, text.empty() ? "" : " ", special.is_null() ? "$" : "", name, ":",
                    JsonValues::At(item, "type_id").dump());
  }
  return text;
}

// The name of the special token at `index` of the template for one text.
std::string SpecialName(const Json& single, size_t index) {
  if (!single.is_array() || single.size() <= index) return "";
  const Json& id = JsonValues::At(JsonValues::At(single[index], "SpecialToken"), "id");
  return id.is_string() ? id.get<std::string>() : "";
}

absl::StatusOr<int32_t> TemplateId(const JsonValues& values, const Json& processor,
                                   const std::string& name) {
  const Json& ids =
      JsonValues::At(JsonValues::At(JsonValues::At(processor, "special_tokens"), name), "ids");
  if (!ids.is_array() || ids.size() != 1) {
    return values.Invalid(absl::StrCat("post_processor: '", Printable(name), "' must have one id"));
  }
  return values.TokenId(ids[0], "an id in post_processor");
}

absl::Status ReadTemplate(const JsonValues& values, const Json& processor, TokenFrame* frame) {
  const Json& single = JsonValues::At(processor, "single");
  const std::string first = SpecialName(single, 0), separator = SpecialName(single, 2);
  const std::string one = absl::StrCat(first, ":0 $A:0 ", separator, ":0");
  const std::string two = TemplateText(JsonValues::At(processor, "pair"));
  bool known = false;
  for (const int32_t separators : {1, 2}) {
    for (const int32_t type : {0, 1}) {
      std::string expected = one;
      if (separators == 2) absl::StrAppend(&expected, " ", separator, ":0");
      absl::StrAppend(&expected, " $B:", type, " ", separator, ":", type);
      if (two != expected) continue;
      known = true;
      frame->separators_between = separators;
      frame->second_type = type;
    }
  }
  if (!known || TemplateText(single) != one) {
    return values.Invalid(
        "post_processor: only '[CLS] A [SEP]' with '[CLS] A [SEP] B [SEP]' or "
        "'<s> A </s></s> B </s>' are supported. Use the tokenizer of a BERT or RoBERTa model");
  }
  ATTUNE_ASSIGN_OR_RETURN(frame->first_id, TemplateId(values, processor, first));
  ATTUNE_ASSIGN_OR_RETURN(frame->separator_id, TemplateId(values, processor, separator));
  return absl::OkStatus();
}

absl::Status ReadFixedProcessing(const JsonValues& values, const Json& processor,
                                 TokenFrame* frame) {
  for (const auto& [key, out] :
       {std::pair("cls", &frame->first_id), std::pair("sep", &frame->separator_id)}) {
    const Json& pair = JsonValues::At(processor, key);
    if (!pair.is_array() || pair.size() != 2) {
      return values.Invalid(absl::StrCat("post_processor.", key, " must be [token, id]"));
    }
    ATTUNE_ASSIGN_OR_RETURN(*out, values.TokenId(pair[1], "an id in post_processor"));
  }
  return absl::OkStatus();
}

absl::Status ReadPostProcessor(const JsonValues& values, const Json& root, TokenFrame* frame) {
  const Json& processor = JsonValues::At(root, "post_processor");
  const Json& type = JsonValues::At(processor, "type");
  if (type == "TemplateProcessing") return ReadTemplate(values, processor, frame);
  if (type == "BertProcessing") return ReadFixedProcessing(values, processor, frame);
  if (type != "RobertaProcessing") return values.CheckType(root, "post_processor", kPostProcessors);
  frame->separators_between = 2;
  frame->second_type = 0;
  return ReadFixedProcessing(values, processor, frame);
}

absl::Status ReadAddedTokens(const JsonValues& values, const Json& root,
                             const Vocabulary& vocabulary, NormalizeFunction normalize,
                             TokenFrame* frame) {
  const Json& list = JsonValues::At(root, "added_tokens");
  if (list.is_null()) return absl::OkStatus();
  if (!list.is_array()) return values.Invalid("added_tokens must be a list");
  for (const Json& token : list) {
    ATTUNE_RETURN_IF_ERROR(
        ReadAddedToken(values, token, JsonValues::At(token, "id"), vocabulary, normalize, frame));
  }
  return absl::OkStatus();
}

int32_t PadId(const Json& root, const Vocabulary& vocabulary) {
  const Json& named = JsonValues::At(JsonValues::At(root, "padding"), "pad_token");
  if (named.is_string()) return vocabulary.Id(named.get<std::string>()).value_or(0);
  return vocabulary.Id("[PAD]").value_or(vocabulary.Id("<pad>").value_or(0));
}

}  // namespace

absl::Status ReadAddedToken(const JsonValues& values, const Json& entry, const Json& id,
                            const Vocabulary& vocabulary, NormalizeFunction normalize,
                            TokenFrame* frame) {
  const Json& content = JsonValues::At(entry, "content");
  if (!content.is_string()) return values.Invalid("an added token needs a content");
  AddedTokens::Token token;
  token.content = content.get<std::string>();
  const std::string shown = absl::StrCat("the added token '", Printable(token.content), "'");
  if (!Fits(token)) {
    return values.Invalid(
        absl::StrCat(shown, " must have 1 to ", AddedTokens::kMaxBytes, " bytes"));
  }
  ATTUNE_ASSIGN_OR_RETURN(token.id, values.TokenId(id, absl::StrCat("the id of ", shown)));
  const std::optional<int32_t> known = vocabulary.Id(token.content);
  if (known.has_value() && *known != token.id) {
    return values.Invalid(
        absl::StrCat(shown, " has id ", token.id, ", the vocabulary says ", *known));
  }
  ATTUNE_ASSIGN_OR_RETURN(token.strip_left, values.Flag(entry, "lstrip", false));
  ATTUNE_ASSIGN_OR_RETURN(token.strip_right, values.Flag(entry, "rstrip", false));
  ATTUNE_ASSIGN_OR_RETURN(const bool single_word, values.Flag(entry, "single_word", false));
  ATTUNE_ASSIGN_OR_RETURN(const bool special, values.Flag(entry, "special", false));
  ATTUNE_ASSIGN_OR_RETURN(const bool normalized, values.Flag(entry, "normalized", !special));
  if (single_word) {
    return values.Invalid(absl::StrCat(shown, " has single_word, which is not supported"));
  }
  frame->max_id = std::max(frame->max_id, token.id);
  if (normalized) return AddNormalizedToken(values, std::move(token), normalize, frame);
  if (frame->raw_tokens.Add(std::move(token))) return absl::OkStatus();
  return values.Invalid(absl::StrCat(shown, " appears twice"));
}

absl::Status AddRawToken(const JsonValues& values, const std::string& content, int32_t id,
                         TokenFrame* frame) {
  AddedTokens::Token token{content, id};
  if (Fits(token) && frame->raw_tokens.Add(std::move(token))) return absl::OkStatus();
  return values.Invalid(absl::StrCat("the special token '", Printable(content),
                                     "' is empty, too long or named twice"));
}

absl::StatusOr<TokenFrame> ReadFrame(const JsonValues& values, const Json& root,
                                     const Vocabulary& vocabulary, NormalizeFunction normalize) {
  TokenFrame frame;
  frame.max_id = std::max(0, vocabulary.max_id());
  ATTUNE_RETURN_IF_ERROR(ReadAddedTokens(values, root, vocabulary, normalize, &frame));
  ATTUNE_RETURN_IF_ERROR(ReadPostProcessor(values, root, &frame));
  frame.max_id = std::max({frame.max_id, frame.first_id, frame.separator_id});
  frame.pad_id = PadId(root, vocabulary);
  return frame;
}

}  // namespace attune
