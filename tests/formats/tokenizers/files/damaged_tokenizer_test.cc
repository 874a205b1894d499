// SPDX-License-Identifier: Apache-2.0
// Whatever is in a tokenizer.json, reading it ends, and what opens gives ids below its vocab_size.
#include <random>

#include "formats/tokenizers/files/tokenizer_json.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kGood[] = R"({
  "added_tokens": [{"id": 4, "content": "<mask>", "lstrip": true, "rstrip": false,
                    "normalized": false, "special": true},
                   {"id": 10, "content": "é", "normalized": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true},
  "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]},
  "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": false,
            "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5, "b": 6,
                      "Ġ": 7, "ab": 8, "Ġa": 9},
            "merges": ["a b", "Ġ a"]}})";

// Every value of the document, the containers among them.
void Collect(Json& value, std::vector<Json*>* all) {
  all->push_back(&value);
  if (!value.is_structured()) return;
  for (Json& item : value) Collect(item, all);
}

// The document with one or two values replaced by others of any kind.
std::string Damaged(std::mt19937& random) {
  Json json = Json::parse(kGood);
  for (size_t changes = random() % 2 + 1; changes > 0; --changes) {
    std::vector<Json*> all;
    Collect(json, &all);
    const Json copy = *all[random() % all.size()];
    const Json values[] = {
        nullptr,       true, false,         0, 7, -1, 1e300, "", "a", "WordPiece",
        Json::array(), copy, Json::object()};
    *all[random() % all.size()] = values[random() % std::size(values)];
  }
  return json.dump();
}

TEST(DamagedTokenizer, NeverBreaksTheReader) {
  std::mt19937 random(11);
  int opened = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = Damaged(random);
    if (random() % 4 == 0) text.resize(random() % text.size());
    const auto tokenizer = TokenizerFromJson(text, 2);
    if (!tokenizer.ok()) {
      EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument) << text;
      ++refused;
      continue;
    }
    ++opened;
    const Encoding encoding = (*tokenizer)->EncodePair("ab <mask> a", "é\u3000zz  it's", 0);
    for (const int32_t id : encoding.ids) {
      EXPECT_TRUE(id >= 0 && id < (*tokenizer)->vocab_size()) << id << " of " << text;
    }
  }
  EXPECT_GT(opened, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace attune
