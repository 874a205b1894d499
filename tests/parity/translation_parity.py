#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real students of both directions against the student written out in PyTorch: what they say of given
translations, greedy and beam search, and the losses and gradient norms of fifty batches of package descriptions.

    ATTUNE_BIN_DIR=build/bin python tests/parity/translation_parity.py

Needs what tools/fetch_data.py translation puts into the cache (ATTUNE_CACHE, default ~/.cache/attune).
"""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import sentencepiece
import torch
import torch.nn.functional as F

import translation_task_parity as jobs
from reference_student import END, Student, padded

CACHE = Path(os.environ.get("ATTUNE_CACHE", os.path.expanduser("~/.cache/attune")))
# A sample of the sentences by default.
TRAINED, SEARCHED, WIDTH = 800, 150 if os.environ.get("ATTUNE_TEST_ALL") else 50, 4


def descriptions(split, source, target, count):
    """Every so many rows, so that packages of all kinds are among them."""
    lines = (CACHE / "data" / "package-descriptions" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines[::max(1, len(lines) // count)][:count])
    return [(row[source], row[target]) for row in rows]


class RealStudent(jobs.Job):
    """Subclasses say which. The fifty steps are of fifty batches at the base's own weights (translation_task_parity.py
    lets weights move): Adam's first steps follow the sign of gradients that are nothing but rounding, so here even
    PyTorch in fp32 and in double precision are 1e-3 apart after ten of them."""
    method, rate = {"method": "full"}, 1e-30
    # PyTorch's own fp32 norms of these batches are off by up to 3e-4: ReLUs open and close by rounding.
    norm_bar = 3e-4
    test_what_is_measured_is_what_the_peers_measure = None  # nothing is learnt

    def prepare(self):
        return self.student, self.student.named()

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        source, target = cls.languages
        cls.base = CACHE / "models" / f"marian-{source}{target}-tiny"
        cls.pieces = sentencepiece.SentencePieceProcessor(
            model_file=str(cls.base / f"vocab.{source}{target}.spm"))
        cls.train, cls.test = (descriptions(split, source, target, count)
                               for split, count in (("train", TRAINED), ("test", SEARCHED)))
        jobs.write_pairs(cls.folder / "train.jsonl", cls.train)
        jobs.write_pairs(cls.folder / "test.jsonl", cls.test)
        cls.run_trainer(cls.spec("run"))
        cls.student = Student.load(cls.base).double()  # its fp32 is up to 1.2e-4 away
        cls.sources = [cls.ids(text) for text, _ in cls.test]
        cls.targets = [cls.ids(text) for _, text in cls.test]

    def translations(self, name, rows, **decoding):
        """Of the first rows, by a prediction job on the base."""
        jobs.write_pairs(self.folder / "rows.jsonl", self.test[:rows])
        spec = self.spec(name, work="predict", decoding=decoding)
        spec["test"]["path"] = str(self.folder / "rows.jsonl")
        self.run_trainer(spec)
        with open(self.folder / name / "predictions" / "predictions.jsonl", encoding="utf-8") as f:
            return [json.loads(line)["translation"] for line in f]

    def test_the_losses_of_given_translations_agree(self):
        requests = "".join(json.dumps({"text": s, "target": t}) + "\n" for s, t in self.test)
        done = subprocess.run([jobs.BIN, "--logits", self.base], input=requests, text=True, capture_output=True,
                              check=True)
        with torch.no_grad():
            expected = self.student.losses(self.sources, self.targets)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(answers), len(expected))
        worst = 0.0
        for answer, theirs in zip(answers, expected):
            ours = torch.tensor(answer["logits"], dtype=torch.float64)
            self.assertEqual(ours.shape, theirs.shape)
            worst = max(worst, (ours - theirs).abs().max().item())
        self.assertLessEqual(worst, 1e-4)

    def test_greedy_translations_are_the_same(self):
        expected = [self.pieces.decode(ids) for ids in self.student.greedy(self.sources)]
        self.assertEqual(self.translations("greedy", SEARCHED), expected)

    def test_a_beam_finds_the_same(self):
        rows = 24
        ours = self.translations("beam", rows, beam_size=WIDTH, length_penalty=0.6)
        expected = [self.pieces.decode(self.beam(source, 0.6)) for source in self.sources[:rows]]
        self.assertEqual(ours, expected)
        greedy = self.student.greedy(self.sources[:rows])
        self.assertNotEqual(expected, [self.pieces.decode(ids) for ids in greedy])

    @torch.no_grad()
    def beam(self, source, penalty):
        """Written as translate.h says it, with all tokens decoded anew in each step."""
        ids, mask = padded([source])
        memory = self.student.encode(ids, mask)
        live, ended = [([], 0.0)], []
        for step in range(1, 3 * len(source) + 17):
            before = torch.tensor([ids for ids, _ in live], dtype=torch.long)
            x = F.pad(self.student.embed(before), (0, 0, 1, 0)) + self.student.positions(0, step)
            many = memory.expand(len(live), -1, -1)
            x = self.student.decode(x, many, mask.expand(len(live), -1), self.student.first_cells(many))
            log_p = F.log_softmax(self.student.logits_of(x[:, -1]), -1)
            scores = log_p + torch.tensor([score for _, score in live], dtype=torch.float64)[:, None]
            best, places = scores.flatten().topk(WIDTH - len(ended))
            continued = [(live[place // log_p.shape[1]][0], place % log_p.shape[1], score)
                         for score, place in zip(best.tolist(), places.tolist())]
            ended += [(score / step ** penalty, ids) for ids, token, score in continued if token == END]
            live = [(ids + [token], score) for ids, token, score in continued if token != END]
            if not live:
                return max(ended, key=lambda pair: pair[0])[1]
        raise AssertionError("a sentence that never ends")


class EnglishToPortuguese(RealStudent, unittest.TestCase):
    languages = ("en", "pt")


class PortugueseToEnglish(RealStudent, unittest.TestCase):
    languages = ("pt", "en")


if __name__ == "__main__":
    torch.set_num_threads(2)
    unittest.main(verbosity=2)
