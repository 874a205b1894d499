# SPDX-License-Identifier: Apache-2.0
"""Token ids of byte-level BPE, as RoBERTa has it, against the tokenizers and transformers packages.

    ATTUNE_BIN_DIR=build/bin ATTUNE_CACHE=~/.cache/attune python tests/parity/byte_pair_parity.py

The vocabularies are trained here, on the movie reviews.
"""
import json
import os
import random
import tempfile
import unittest
from pathlib import Path

import tokenizers
import transformers

from tokenizer_parity import TokenizerParity, ours

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def train(reviews, folder, size):
    """vocab.json and merges.txt of `size` tokens."""
    peer = tokenizers.ByteLevelBPETokenizer()
    peer.train_from_iterator(reviews, vocab_size=size, special_tokens=SPECIALS, show_progress=False)
    peer.save_model(str(folder))


def template(separators, second_type):
    """Post-processor of one or two separators between the texts."""
    pair = "<s>:0 $A:0" + " </s>:0" * separators + f" $B:{second_type} </s>:{second_type}"
    return tokenizers.processors.TemplateProcessing(
        single="<s>:0 $A:0 </s>:0", pair=pair, special_tokens=[("<s>", 0), ("</s>", 2)])


class BytePairParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        TokenizerParity.setUpClass.__func__(cls)
        # All of them once; what else is compared, on a quarter, or on all with ATTUNE_TEST_ALL.
        cls.some = cls.all if os.environ.get("ATTUNE_TEST_ALL") else cls.all[::4]
        cls.temporary = tempfile.TemporaryDirectory()
        cls.files = {}
        for size in (1000, 8000):
            cls.files[size] = Path(cls.temporary.name) / str(size)
            cls.files[size].mkdir()
            train(cls.reviews, cls.files[size], size)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    assert_same = TokenizerParity.assert_same

    def roberta(self, size, **options):
        """transformers' tokenizer of a vocabulary."""
        files = self.files[size]
        merges = (files / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
        return transformers.RobertaTokenizerFast(
            vocab=json.loads((files / "vocab.json").read_text(encoding="utf-8")),
            merges=[tuple(line.split(" ")) for line in merges], **options)

    def saved(self, peer):
        """A folder with tokenizer.json."""
        folder = tempfile.mkdtemp(dir=self.temporary.name)
        peer.save_pretrained(folder)
        return folder

    def test_real_and_adversarial_strings(self):
        self.assertGreaterEqual(len(self.all), 10_000)
        mask = tokenizers.AddedToken("<mask>", lstrip=True, special=True)
        for size in self.files:
            for prefix, mask_token in ((False, mask), (True, "<mask>")):
                with self.subTest(size=size, add_prefix_space=prefix):
                    peer = self.roberta(size, add_prefix_space=prefix, mask_token=mask_token)
                    folder = self.saved(peer)
                    texts = self.some if prefix else self.all
                    self.assert_same(ours(folder, texts, 0), peer(texts)["input_ids"], texts)
                    loaded = transformers.AutoTokenizer.from_pretrained(folder)
                    self.assertEqual(loaded(self.adversarial[:500])["input_ids"],
                                     peer(self.adversarial[:500])["input_ids"])

    def test_truncation(self):
        peer = self.roberta(1000)
        folder = self.saved(peer)
        for length in (2, 3, 128):
            with self.subTest(max_length=length):
                theirs = peer(self.some, truncation=True, max_length=length)["input_ids"]
                self.assert_same(ours(folder, self.some, length), theirs, self.some)

    def test_pairs_are_truncated_the_longest_first(self):
        rng = random.Random(1)
        pairs = [[rng.choice(self.all)[:rng.choice([5, 50, 500, 5000])] for _ in range(2)]
                 for _ in range(2000)]
        for name, change in {"RobertaProcessing": None, "two separators": (2, 0), "one": (1, 0),
                             "one, types": (1, 1)}.items():
            peer = self.roberta(1000)._tokenizer
            if change:
                peer.post_processor = template(*change)
            folder = tempfile.mkdtemp(dir=self.temporary.name)
            peer.save(str(Path(folder) / "tokenizer.json"))
            for length in (0, 4, 5, 17, 64, 512):
                with self.subTest(name, max_length=length):
                    peer.enable_truncation(length) if length else peer.no_truncation()
                    theirs = [e.ids for e in peer.encode_batch([tuple(pair) for pair in pairs])]
                    self.assert_same(ours(folder, pairs, length), theirs, pairs)

    def test_vocab_json_with_merges_txt(self):
        texts = self.adversarial[::3]
        settings = {
            "none": None,
            "prefix space": {"add_prefix_space": True},
            "mask of an earlier version": {
                "mask_token": "<mask>",
                "added_tokens_decoder": {
                    "4": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False,
                          "single_word": False, "special": True}}},
            "other names": {"cls_token": "</s>",
                            "sep_token": {"__type": "AddedToken", "content": "<unk>", "rstrip": True}},
        }
        for name, config in settings.items():
            with self.subTest(name):
                folder = Path(tempfile.mkdtemp(dir=self.temporary.name))
                for file in ("vocab.json", "merges.txt"):
                    (folder / file).write_bytes((self.files[1000] / file).read_bytes())
                (folder / "config.json").write_text('{"model_type": "roberta"}', encoding="utf-8")
                if config is not None:
                    text = json.dumps({"tokenizer_class": "RobertaTokenizer", **config})
                    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
                peer = transformers.AutoTokenizer.from_pretrained(folder)
                self.assert_same(ours(folder, texts, 0), peer(texts)["input_ids"], texts)

    def test_other_models_of_the_library(self):
        """What RoBERTa's own files do not have, and tokenizer.json may: bytes without a token, with and
        without an unknown token, words that are not split, added tokens of every kind."""
        texts = self.adversarial[::2]
        added = [tokenizers.AddedToken("movie", normalized=True), tokenizers.AddedToken(" the", rstrip=True),
                 tokenizers.AddedToken("é", normalized=False, lstrip=True, rstrip=True)]
        for name, options, split in (("dropped", {}, True), ("unknown", {"unk_token": "<unk>"}, True),
                                     ("fused", {"unk_token": "<unk>", "fuse_unk": True}, True),
                                     ("not split", {"unk_token": "<unk>"}, False)):
            with self.subTest(name):
                peer = tokenizers.Tokenizer(tokenizers.models.BPE(**options))
                peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
                trainer = tokenizers.trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIALS,
                                                         show_progress=False)
                peer.train_from_iterator(self.reviews[:50], trainer)
                peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split)
                peer.post_processor = template(2, 0)
                peer.add_tokens(added)
                folder = tempfile.mkdtemp(dir=self.temporary.name)
                peer.save(str(Path(folder) / "tokenizer.json"))
                theirs = [encoding.ids for encoding in peer.encode_batch(texts)]
                self.assert_same(ours(folder, texts, 0), theirs, texts)


def load_tests(loader, _tests, _pattern):
    return loader.loadTestsFromTestCase(BytePairParity)  # not those of the module imported above


if __name__ == "__main__":
    unittest.main()
