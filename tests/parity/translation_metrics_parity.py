# SPDX-License-Identifier: Apache-2.0
"""BLEU and chrF of worker/trainer/tasks against sacrebleu, to 1e-6.

    ATTUNE_BIN_DIR=build/bin ATTUNE_CACHE=~/.cache/attune \\
        python tests/parity/translation_metrics_parity.py
"""
import json
import os
import random
import subprocess
import unittest
from pathlib import Path

import sacrebleu

import strings
from sentence_piece_parity import DESCRIPTIONS

PROBE = Path(os.environ["ATTUNE_BIN_DIR"]) / "translation_metrics_probe"
TOLERANCE = 1e-6
MARKS = ("a,b 1,000.5 -1 1-2 a-b- 3-\n4 -\n x. .x ,, .. .,. 1. .1 1.a a.1 é,é 5,é é.5 &quot;q&amp;lt; "
         "&amp;amp; &lt;skipped&gt; <skipped> <skip<skipped>ped> x&y {|}~ [\\]^_` don't (a)b/c @:;=? "
         "%$# \x1f. \x85, \xa0 \u2028- 9\x00-").split(" ")


def ours(corpora):
    lines = "".join(json.dumps({"translations": t, "references": r}) + "\n" for t, r in corpora)
    done = subprocess.run([PROBE], input=lines, capture_output=True, text=True, encoding="utf-8",
                          check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def theirs(translations, references):
    return {"bleu": sacrebleu.corpus_bleu(translations, [references], force=True).score,
            "chrf": sacrebleu.corpus_chrf(translations, [references]).score}


def changed(rng, text, pool):
    """The text with some of its words dropped, doubled, swapped or replaced by one of the pool's."""
    words = text.split(" ")
    for _ in range(rng.randint(0, len(words) // 2 + 1)):
        at = rng.randrange(len(words) + 1)
        kind = rng.randrange(4)
        if kind == 0 and words:
            words.pop(at % len(words))
        elif kind == 1 and words:
            words.insert(at, words[at % len(words)])
        elif kind == 2 and words:
            words.append(words.pop(at % len(words)))
        else:
            words.insert(at, rng.choice(pool))
    return " ".join(words)


class TranslationMetricsParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rng = random.Random(11)
        file = DESCRIPTIONS / "test.jsonl"
        cls.real = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def assert_same(self, corpora):
        mine = ours(corpora)
        self.assertEqual(len(mine), len(corpora))
        for i, (translations, references) in enumerate(corpora):
            expected = theirs(translations, references)
            for name in ("bleu", "chrf"):
                if abs(mine[i][name] - expected[name]) > TOLERANCE:
                    self.fail(f"{name} {mine[i][name]} instead of {expected[name]}, corpus {i}: "
                              f"{ascii(translations[:3])} for {ascii(references[:3])}")

    def test_real_texts_all_at_once(self):
        references = [row["pt"] for row in self.real]
        sources = [row["en"] for row in self.real]
        near = [changed(self.rng, text, references[0].split()) for text in references]
        self.assert_same([(references, references), (sources, references), (near, references)])

    def test_real_texts_one_by_one_and_a_few_at_a_time(self):
        targets = [row["pt"] for row in self.real]
        corpora = []
        for _ in range(2000):
            references = self.rng.sample(targets, self.rng.choice([1, 1, 2, 5]))
            corpora.append(([changed(self.rng, r, targets[0].split()) for r in references], references))
        self.assert_same(corpora)

    def test_adversarial_texts(self):
        adversarial = [text[:2000] for text in strings.strings(random_count=3000)] + MARKS
        corpora = [([text], [changed(self.rng, text, MARKS)]) for text in adversarial]
        self.assert_same(corpora)
        words = MARKS + ["the", "a", "", "", "1", "2.5"]
        tangled = [["".join(self.rng.choice(words) + self.rng.choice(["", " ", "\n"])
                            for _ in range(self.rng.randint(0, 9))) for _ in range(2)]
                   for _ in range(6000)]
        self.assert_same([([a], [b]) for a, b in tangled])
        self.assert_same([([a for a, _ in tangled], [b for _, b in tangled])])

    def test_empty_and_very_short_texts(self):
        texts = ["", " ", "a", "a b", "a b c", "a b c d", "a b c d e", ".", "\u3000", "é"]
        self.assert_same([([a], [b]) for a in texts for b in texts])
        self.assert_same([([a, c], [b, b]) for a in texts for b in texts for c in texts])


if __name__ == "__main__":
    unittest.main()
