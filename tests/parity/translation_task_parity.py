#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Translation jobs as a whole against the student written out in PyTorch, sentencepiece and sacrebleu: fifty steps of
each method with smoothed targets, what is measured at the end, and the translations themselves.

    ATTUNE_BIN_DIR=build/bin python tests/parity/translation_task_parity.py
"""
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import sacrebleu
import sentencepiece
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from reference_student import Student

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from harness.translation import make_sentences, make_translation_model, write_pairs  # noqa: E402

BIN = os.path.join(os.environ["ATTUNE_BIN_DIR"], "attune-trainer")
STEPS, BATCH, ACCUMULATION, SMOOTHING, RANK, ALPHA = 50, 8, 2, 0.1, 3, 6


class Job:
    """Subclasses say what is trained."""
    method, rate, norm_bar = {}, 1e-3, 1e-4

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.base = make_translation_model(cls.folder / "base")
        cls.pieces = sentencepiece.SentencePieceProcessor(model_file=str(next(cls.base.glob("*.spm"))))
        cls.train, cls.test = make_sentences(120), make_sentences(150, seed=1)
        write_pairs(cls.folder / "train.jsonl", cls.train)
        write_pairs(cls.folder / "test.jsonl", cls.test)
        cls.run_trainer(cls.spec("run"))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def run_trainer(cls, spec):
        os.makedirs(spec["work_dir"])
        path = cls.folder / "spec.json"
        path.write_text(json.dumps(spec))
        done = subprocess.run([BIN, "--spec", path], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"attune-trainer ended with {done.returncode}: {done.stdout[-500:]} {done.stderr}")

    @classmethod
    def recorded(cls, kind):
        with open(cls.folder / "run" / "metrics.jsonl", encoding="utf-8") as f:
            return [line for line in map(json.loads, f) if line["type"] == kind]

    @classmethod
    def spec(cls, name, **more):
        data = lambda split: {"path": str(cls.folder / f"{split}.jsonl"), "format": "jsonl", "label_kind": "text",
                              "text_columns": ["translation.small"], "label_column": "translation.large"}
        return {"job": "jobs/parity", "attempt": 1, "work_dir": str(cls.folder / name), "task": "translation",
                "base_model_dir": str(cls.base), "base_model_name": "models/base", "best_metric": "chrf", "labels": [],
                "train": data("train"), "test": data("test"), "max_steps": STEPS, "threads": 1,
                "hyperparameters": {"batch_size": BATCH, "gradient_accumulation_steps": ACCUMULATION, "dropout": 0.0,
                                    "learning_rate": cls.rate, "schedule": "constant", "weight_decay": 0.01, "seed": 3,
                                    "label_smoothing": SMOOTHING}, **cls.method, **more}

    @classmethod
    def ids(cls, text):
        return cls.pieces.encode(text) + [cls.pieces.eos_id()]

    def prepare(self):
        """The student before its first step, and what of it is trained by name."""
        raise NotImplementedError

    def test_loss_and_gradient_norm_of_every_step_agree(self):
        student, trained = self.prepare()
        decays, stays = ([p for name, p in trained.items() if name.endswith(end)] for end in ("weight", "bias"))
        norms = [p for name, p in trained.items() if "norm.weight" in name]
        decays = [p for p in decays if not any(p is norm for norm in norms)]
        optimizer = torch.optim.AdamW([{"params": decays, "weight_decay": 0.01},
                                       {"params": stays + norms, "weight_decay": 0.0}], lr=self.rate)
        log = self.recorded("step")
        self.assertEqual(len(log), STEPS)
        for ours in log:
            pairs = [[self.ids(text) for text in self.train[i]] for i in ours["samples"]]
            loss = student.loss([s for s, _ in pairs], [t for _, t in pairs], SMOOTHING)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(list(trained.values()), 1.0).item()
            optimizer.step()
            optimizer.zero_grad()
            where = f"step {ours['step']}"
            self.assertLessEqual(abs(ours["loss"] - loss.item()), 1e-5 * max(1.0, loss.item()), where)
            self.assertLessEqual(abs(ours["grad_norm"] - norm), self.norm_bar * norm, where)
            self.assertEqual(ours["tokens"], sum(len(s) + len(t) for s, t in pairs), where)

    def test_what_is_measured_is_what_the_peers_measure(self):
        student = Student.load(self.folder / "run" / "model")
        pairs = [[self.ids(text) for text in row] for row in self.test]
        with torch.no_grad():
            logits, labels = student([s for s, _ in pairs], [t for _, t in pairs])
        texts = [self.pieces.decode(ids) for ids in student.greedy([s for s, _ in pairs])]
        references = [target for _, target in self.test]
        loss = F.cross_entropy(logits.double(), labels).item()
        evaluations = self.recorded("evaluation")
        self.assertEqual([e["split"] for e in evaluations], ["TEST_BASE", "TEST"])
        ours = evaluations[1]["metrics"]
        expected = {"bleu": sacrebleu.corpus_bleu(texts, [references]).score,
                    "chrf": sacrebleu.corpus_chrf(texts, [references]).score,
                    "token_accuracy": (logits.argmax(-1) == labels).double().mean().item()}
        for name, value in expected.items():
            self.assertAlmostEqual(ours[name], value, delta=1e-6, msg=name)
        self.assertAlmostEqual(ours["loss"], loss, delta=1e-5)
        self.assertAlmostEqual(ours["perplexity"], math.exp(loss), delta=1e-4 * math.exp(loss))
        self.assertEqual([(s["source"], s["reference"], s["translation"]) for s in evaluations[1]["samples"]],
                         [(*row, text) for row, text in zip(self.test[:5], texts)])
        self.assertLess(ours["loss"], evaluations[0]["metrics"]["loss"])

    def test_a_prediction_job_says_of_every_line_what_was_measured(self):
        spec = self.spec("predictions", work="predict", base_model_dir=str(self.folder / "run" / "model"))
        self.run_trainer(spec)
        with open(self.folder / "predictions" / "predictions" / "predictions.jsonl", encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual([line["line"] for line in lines], list(range(1, len(self.test) + 1)))
        chrf = sacrebleu.corpus_chrf([line["translation"] for line in lines], [[target for _, target in self.test]])
        self.assertAlmostEqual(chrf.score, self.recorded("evaluation")[1]["metrics"]["chrf"], delta=1e-6)


class Full(Job, unittest.TestCase):
    method = {"method": "full"}

    def prepare(self):
        student = Student.load(self.base)
        return student, student.named()


class TopDecoderLayer(Job, unittest.TestCase):
    method = {"method": "partial", "top_layers": 1}

    def prepare(self):
        student = Student.load(self.base)
        trained = {name: p for name, p in student.named().items() if name.startswith("model.decoder.layers.1.")}
        for p in student.parameters():
            p.requires_grad_(any(p is other for other in trained.values()))
        return student, trained

    def test_what_lies_below_is_the_bases(self):
        base, ours = (Student.load(folder).named() for folder in (self.base, self.folder / "run" / "model"))
        for name, value in ours.items():
            self.assertEqual(torch.equal(value, base[name]), not name.startswith("model.decoder.layers.1."), name)


class Adapted(Student):
    """With LoRA as PEFT has it on some linear layers."""

    def adapt(self, adapters):
        self.adapters = {name: torch.nn.Parameter(value.clone()) for name, value in adapters.items()}
        for p in self.w.values():
            p.requires_grad_(False)

    def linear(self, x, name):
        y = super().linear(x, name)
        a, b = (self.adapters.get(f"{name}.lora_{part}.weight") for part in "AB")
        return y if a is None else y + ALPHA / RANK * F.linear(F.linear(x, a), b)


class Lora(Job, unittest.TestCase):
    method = {"method": "lora", "lora": {"rank": RANK, "alpha": ALPHA, "dropout": 0.0,
                                         "target_modules": ["all-linear"]}}

    def prepare(self):
        # The adapters that training starts from are the weights of a run without any effect.
        spec = self.spec("start", max_steps=1)
        spec["hyperparameters"]["learning_rate"] = 1e-30
        self.run_trainer(spec)
        student = Adapted.load(self.base)
        student.adapt(load_file(self.folder / "start" / "checkpoints" / "step-1" / "weights.safetensors"))
        return student, student.adapters


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
