# SPDX-License-Identifier: Apache-2.0
"""Token ids of formats/tokenizers against the tokenizers and transformers packages, one by one."""
import csv
import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import tokenizers
import transformers

import strings

INSPECT = Path(os.environ["ATTUNE_BIN_DIR"]) / "attune-inspect"
CACHE = Path(os.environ["ATTUNE_CACHE"])
MINILM = CACHE / "models" / "all-minilm-l6-v2"
REVIEWS = CACHE / "data" / "movie-reviews" / "train.csv"
VARIANTS = {
    "uncased": {"do_lower_case": True},
    "cased": {"do_lower_case": False},
    "chinese kept together": {"do_lower_case": True, "tokenize_chinese_chars": False},
    "accents kept": {"do_lower_case": True, "strip_accents": False},
    "cased, accents stripped": {"do_lower_case": False, "strip_accents": True},
    "tokens with flags": {
        "do_lower_case": True,
        "mask_token": {"__type": "AddedToken", "content": "[MASK]", "lstrip": True, "rstrip": False,
                       "normalized": True, "single_word": False},
        "added_tokens_decoder": {
            "102": {"content": "[SEP]", "lstrip": False, "rstrip": True, "normalized": False,
                    "single_word": False, "special": True}}},
}


def ours(folder, inputs, max_length):
    """Ids of strings or [first, second] pairs, by attune-inspect."""
    lines = "".join(json.dumps(text) + "\n" for text in inputs)
    command = [INSPECT, "tokenize", "--model", folder, "--max-length", str(max_length)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8",
                          check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class TokenizerParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(REVIEWS, newline="", encoding="utf-8") as file:
            cls.reviews = [row["text"] for row in csv.DictReader(file)]
        cls.all = strings.strings(cls.reviews)
        cls.adversarial = strings.strings()

    def assert_same(self, mine, theirs, inputs):
        self.assertEqual(len(mine), len(inputs))
        wrong = [i for i, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]]
        examples = [ascii(inputs[i])[:200] for i in wrong[:5]]
        self.assertFalse(wrong, f"{len(wrong)} of {len(inputs)} differ: {examples}")

    def test_real_tokenizer_on_real_and_adversarial_strings(self):
        self.assertGreaterEqual(len(self.all), 10_000)
        peer = tokenizers.Tokenizer.from_file(str(MINILM / "tokenizer.json"))
        peer.no_padding()
        for length in (0, 128):
            peer.enable_truncation(length) if length else peer.no_truncation()
            with self.subTest(max_length=length):
                theirs = [encoding.ids for encoding in peer.encode_batch(self.all)]
                self.assert_same(ours(MINILM, self.all, length), theirs, self.all)

    def test_pairs_are_truncated_the_longest_first(self):
        rng = random.Random(1)
        pairs = [[rng.choice(self.all)[:rng.choice([5, 50, 500, 5000])] for _ in range(2)]
                 for _ in range(2000)]
        peer = tokenizers.Tokenizer.from_file(str(MINILM / "tokenizer.json"))
        peer.no_padding()
        for length in (3, 4, 5, 17, 64, 512):
            peer.enable_truncation(length)
            with self.subTest(max_length=length):
                theirs = [e.ids for e in peer.encode_batch([tuple(pair) for pair in pairs])]
                self.assert_same(ours(MINILM, pairs, length), theirs, pairs)

    def test_vocabulary_files_of_every_kind(self):
        for name, config in VARIANTS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "vocab.txt").write_bytes((MINILM / "vocab.txt").read_bytes())
                text = json.dumps({**config, "tokenizer_class": "BertTokenizer"})
                (Path(folder) / "tokenizer_config.json").write_text(text)
                peer = transformers.AutoTokenizer.from_pretrained(folder)
                texts = self.adversarial[::3]
                theirs = peer(texts)["input_ids"]
                self.assert_same(ours(folder, texts, 0), theirs, texts)


if __name__ == "__main__":
    unittest.main()
