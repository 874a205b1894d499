# SPDX-License-Identifier: Apache-2.0
"""Ids and decoded text of formats/tokenizers/sentence_piece against the sentencepiece package.

    ATTUNE_BIN_DIR=build/bin ATTUNE_CACHE=~/.cache/attune \\
        python tests/parity/sentence_piece_parity.py

Besides the two vocabularies of real translation models, some are trained here, on the package
descriptions, with the options that those two do not have.
"""
import itertools
import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

import strings

PROBE = Path(os.environ["ATTUNE_BIN_DIR"]) / "sentence_piece_probe"
CACHE = Path(os.environ["ATTUNE_CACHE"])
MODELS = [next((CACHE / "models" / f"marian-{pair}-tiny").glob("*.spm")) for pair in ("enpt", "pten")]
DESCRIPTIONS = CACHE / "data" / "package-descriptions"
SPACES = ["▁", "▁▁", " ▁ ", "a▁b", "▁ a", "a ▁", "  a  b  ", "\u2047", "<0x41>", "<s>", "a<unk>b", "</s>"]
SYMBOLS = ["<sep>", "<sep><sep>", "New York", "ﬁ", "Å", "▁the"]
VARIANTS = {
    "with byte fallback": {"byte_fallback": True},
    "with user-defined pieces": {"user_defined_symbols": SYMBOLS},
    "with both, and many spaces kept": {
        "byte_fallback": True, "user_defined_symbols": SYMBOLS, "remove_extra_whitespaces": False},
    "without a prefix": {"add_dummy_prefix": False, "normalization_rule_name": "nfkc_cf"},
    "without a prefix, spaces kept": {
        "add_dummy_prefix": False, "remove_extra_whitespaces": False},
    "without a character map": {"normalization_rule_name": "identity"},
    "with spaces last": {"treat_whitespace_as_suffix": True, "byte_fallback": True},
    "with other names": {"unk_surface": "<?>", "eos_piece": "[end]", "unk_piece": "[?]"},
}


def ours(model, inputs):
    """(ids, text) of strings or lists of ids."""
    lines = "".join(json.dumps(item) + "\n" for item in inputs)
    done = subprocess.run([PROBE, model], input=lines, capture_output=True, text=True,
                          encoding="utf-8", check=True)
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    return [(answer["ids"], answer["text"]) for answer in answers]


def descriptions():
    """All texts of the package descriptions, in both languages."""
    texts = {}
    for file in sorted(DESCRIPTIONS.rglob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts[row["en"]] = texts[row["pt"]] = True
    return list(texts)


def train(folder, texts, **options):
    """A model of 1,500 pieces."""
    prefix = str(Path(folder) / "model")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=prefix, model_type="unigram",
        vocab_size=1500, bos_id=-1, eos_id=0, unk_id=1, num_threads=1, minloglevel=2, **options)
    return Path(prefix + ".model")


class SentencePieceParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.real = descriptions()
        cls.all = SPACES + strings.strings(cls.real)
        cls.adversarial = SPACES + SYMBOLS + strings.strings()

    def assert_same(self, mine, theirs, inputs):
        self.assertEqual(len(mine), len(inputs))
        wrong = [i for i, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]]
        examples = [ascii((inputs[i], mine[i], theirs[i]))[:400] for i in wrong[:5]]
        if wrong:
            self.fail(f"{len(wrong)} of {len(inputs)} differ: {examples}")

    def assert_texts(self, model, texts):
        peer = sentencepiece.SentencePieceProcessor(model_file=str(model))
        encoded = peer.encode(texts)
        self.assert_same(ours(model, texts), list(zip(encoded, peer.decode(encoded))), texts)

    def assert_ids(self, model, count):
        """Any ids at all, as a model that is not yet trained puts out."""
        peer = sentencepiece.SentencePieceProcessor(model_file=str(model))
        rng = random.Random(3)
        special = [i for i in range(peer.vocab_size())
                   if peer.is_control(i) or peer.is_unknown(i) or peer.is_byte(i)
                   or peer.id_to_piece(i).startswith("▁")]
        lists = [[rng.choice(special) if rng.random() < 0.5 else rng.randrange(peer.vocab_size())
                  for _ in range(rng.randint(0, 12))] for _ in range(count)]
        theirs = list(zip(lists, peer.decode(lists)))
        self.assert_same(ours(model, lists), theirs, lists)

    def test_real_vocabularies_on_real_and_adversarial_texts(self):
        self.assertGreaterEqual(len(self.all), 10_000)
        for model in MODELS:
            with self.subTest(model.name):
                self.assert_texts(model, self.all)
                self.assert_ids(model, 5000)

    def test_trained_vocabularies_of_every_kind(self):
        for name, options in VARIANTS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                model = train(folder, self.real[:4000], **options)
                self.assert_texts(model, self.adversarial + self.real[-1000:])
                self.assert_ids(model, 5000)

    def test_pieces_that_are_not_used_and_settings_that_no_trainer_makes(self):
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(MODELS[0].read_bytes())
        rng = random.Random(5)
        for piece in proto.pieces[2:]:
            if rng.random() < 0.2:
                piece.type = rng.choice([2 + 2, 5])  # user-defined or unused
        flags = itertools.product((False, True), repeat=3)
        for prefix, extra, escape in flags:
            spec = proto.normalizer_spec
            spec.add_dummy_prefix, spec.remove_extra_whitespaces = prefix, extra
            spec.escape_whitespaces = escape
            with self.subTest(prefix=prefix, extra=extra, escape=escape), \
                    tempfile.TemporaryDirectory() as folder:
                model = Path(folder) / "model.spm"
                model.write_bytes(proto.SerializeToString())
                self.assert_texts(model, self.adversarial[::3] + self.real[:1000])
                self.assert_ids(model, 1000)


if __name__ == "__main__":
    unittest.main()
