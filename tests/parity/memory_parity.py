#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The memory that attune-inspect estimates for a job, against the peak that attune-trainer reaches.

    ATTUNE_BIN_DIR=build/bin python tests/parity/memory_parity.py

Each case is one spec of all-MiniLM-L6-v2 on movie reviews (texts of several of them, pairs of
them), or of a student model on package descriptions where these were fetched, with checkpoints and
evaluations, in a process of its own. Some run long enough to show whether memory grows from step to
step.
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
STUDENT = CACHE / "models" / "marian-enpt-tiny"
DESCRIPTIONS = CACHE / "data" / "package-descriptions"
TOLERANCE = 0.25
MANY_STEPS = {"max_steps": 60, "checkpoint_every_steps": 25}
ALL_LINEAR = {"rank": 16, "target_modules": ["all-linear"]}


def dataset(path, columns=("text",)):
    return {"path": str(path), "format": "csv", "text_columns": list(columns),
            "label_column": "label"}


def write_rows(path, rows, columns=("text",)):
    with open(path, "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([[*columns, "label"], *rows])


def estimated_bytes(spec):
    request = {"kind": "job", "work": spec["work"], "model_dir": spec["base_model_dir"],
               "task": spec.get("task", "text_classification")}
    tuning = spec.get("hyperparameters", {})
    request["max_length"] = tuning.get("max_length", 0)
    if spec["work"] == "fine_tune":
        request |= {"train": spec["train"], "eval": None, "test": spec.get("test"),
                    "labels": spec["labels"],
                    "eval_fraction": spec["eval_fraction"], "batch_size": tuning["batch_size"]}
    else:
        request["test"] = spec["test"]
    if "decoding" in spec:
        request["beam_size"] = spec["decoding"]["beam_size"]
    request |= {key: spec[key] for key in ("method", "top_layers", "lora") if key in spec}
    answer = subprocess.run([BIN / "attune-inspect", "run"], input=json.dumps(request),
                            capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)["memory"]["estimated_bytes"]


def peak_bytes(spec):
    """Of a trainer process that does the spec."""
    file = Path(spec["work_dir"]) / "spec.json"
    file.write_text(json.dumps(spec), encoding="utf-8")
    with open(Path(spec["work_dir"]) / "events.jsonl", "w", encoding="utf-8") as events:
        trainer = subprocess.Popen([BIN / "attune-trainer", "--spec", file], stdout=events)
        _, status, usage = os.wait4(trainer.pid, 0)
    trainer.returncode = os.waitstatus_to_exitcode(status)
    assert trainer.returncode == 0, f"the trainer ended with {trainer.returncode}"
    return usage.ru_maxrss * 1024


def trained_model(work_dir):
    last = (Path(work_dir) / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    return json.loads(last)["model_dir"]


class Comparison(unittest.TestCase):
    def compare(self, spec):
        estimate, peak = estimated_bytes(spec), peak_bytes(spec)
        error = estimate / peak - 1
        name = self.id().split(".")[-1].removeprefix("test_").replace("_", " ")
        print(f"{name:34s} estimated {estimate >> 20:5d} MiB, peak {peak >> 20:5d} MiB, "
              f"{error:+6.1%}", flush=True)
        self.assertLess(abs(error), TOLERANCE)


class MemoryParity(Comparison):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        with open(REVIEWS / "train.csv", newline="", encoding="utf-8") as f:
            cls.rows = list(csv.reader(f))[1:]
        rows = cls.rows[::len(cls.rows) // 800]  # of both classes
        cls.all, cls.short, cls.long, cls.pairs = (
            Path(cls.folder.name) / f"{name}.csv" for name in ("all", "short", "long", "pairs"))
        write_rows(cls.all, cls.rows)
        write_rows(cls.short, rows)
        write_rows(cls.long, [(" ".join(text for text, _ in rows[i:i + 12]), rows[i][1])
                              for i in range(0, len(rows) - 12, 4)])
        write_rows(cls.pairs, [(a, b, label) for (a, label), (b, _) in zip(rows, rows[1:])],
                   ("text", "other"))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check(self, train=None, work_dir=None, **changes):
        with tempfile.TemporaryDirectory() as temporary:
            spec = {"work_dir": work_dir or temporary, "work": "fine_tune",
                    "base_model_dir": str(BASE), "labels": ["negative", "positive"],
                    "train": train or dataset(self.short), "eval_fraction": 0.05, "max_steps": 10,
                    "checkpoint_every_steps": 3, "threads": 2,
                    "hyperparameters": {"epochs": 1, "batch_size": 8}}
            spec["hyperparameters"] |= changes.pop("hyperparameters", {})
            self.compare(spec | changes)

    def check_inference(self, work):
        with tempfile.TemporaryDirectory() as tuned, tempfile.TemporaryDirectory() as work_dir:
            peak_bytes({"work_dir": tuned, "base_model_dir": str(BASE), "method": "head",
                        "labels": ["negative", "positive"], "train": dataset(self.short),
                        "max_steps": 1, "hyperparameters": {"epochs": 1, "batch_size": 8}})
            self.compare({"work_dir": work_dir, "work": work, "base_model_dir": trained_model(tuned),
                          "labels": ["negative", "positive"], "threads": 2,
                          "test": dataset(self.short)})

    def test_full(self):
        self.check()

    def test_full_of_many_steps(self):
        self.check(dataset(self.all), **MANY_STEPS, eval_every_steps=30,
                   hyperparameters={"batch_size": 32})

    def test_full_with_large_batches(self):
        self.check(hyperparameters={"batch_size": 64})

    def test_full_with_accumulated_batches(self):
        self.check(hyperparameters={"batch_size": 16, "gradient_accumulation_steps": 4})

    def test_full_on_long_texts(self):
        self.check(dataset(self.long))

    def test_full_on_truncated_texts(self):
        self.check(dataset(self.long), hyperparameters={"batch_size": 16, "max_length": 128})

    def test_full_on_pairs(self):
        self.check(dataset(self.pairs, ("text", "other")), hyperparameters={"batch_size": 32})

    def test_lora(self):
        self.check(method="lora")

    def test_lora_of_many_steps(self):
        self.check(dataset(self.all), method="lora", **MANY_STEPS,
                   hyperparameters={"batch_size": 32})

    def test_lora_of_all_linear_layers(self):
        self.check(method="lora", lora=ALL_LINEAR, hyperparameters={"batch_size": 32})

    def test_lora_on_long_texts(self):
        self.check(dataset(self.long), method="lora", hyperparameters={"max_length": 256})

    def test_head_of_many_steps(self):
        self.check(method="head", **MANY_STEPS,
                   hyperparameters={"batch_size": 32, "epochs": 10})

    def test_top_layer(self):
        self.check(method="partial", top_layers=1, hyperparameters={"batch_size": 32})

    def test_top_layers_of_many_steps(self):
        self.check(method="partial", top_layers=4, **MANY_STEPS,
                   hyperparameters={"batch_size": 64, "epochs": 10})

    def test_evaluation(self):
        self.check_inference("evaluate")

    def test_prediction(self):
        self.check_inference("predict")


@unittest.skipUnless(STUDENT.is_dir() and DESCRIPTIONS.is_dir(),
                     "tools/fetch_data.py CACHE translation was not run")
class TranslationMemory(Comparison):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.train, cls.test = (cls.part(name, rows) for name, rows in (("train", 1600), ("test", 40)))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def part(cls, name, rows):
        lines = (DESCRIPTIONS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(True)
        path = Path(cls.folder.name) / f"{name}.jsonl"
        path.write_text("".join(lines[:rows]), encoding="utf-8")
        return {"path": str(path), "format": "jsonl", "text_columns": ["en"], "label_column": "pt",
                "label_kind": "text"}

    def check(self, **changes):
        with tempfile.TemporaryDirectory() as work_dir:
            spec = {"work_dir": work_dir, "work": "fine_tune", "task": "translation",
                    "base_model_dir": str(STUDENT), "labels": [], "train": self.train,
                    "test": self.test, "eval_fraction": 0.02, "max_steps": 5, "best_metric": "chrf",
                    "checkpoint_every_steps": 2, "threads": 2,
                    "hyperparameters": {"epochs": 1, "batch_size": 32, "dropout": 0}}
            spec["hyperparameters"] |= changes.pop("hyperparameters", {})
            self.compare(spec | changes)

    def check_use(self, work, **changes):
        with tempfile.TemporaryDirectory() as work_dir:
            self.compare({"work_dir": work_dir, "work": work, "task": "translation",
                          "base_model_dir": str(STUDENT), "labels": [], "threads": 2,
                          "test": self.test} | changes)

    def test_translation_full(self):
        self.check()

    def test_translation_full_of_many_steps(self):
        self.check(max_steps=30, checkpoint_every_steps=10)

    def test_translation_full_with_large_batches(self):
        self.check(hyperparameters={"batch_size": 128})

    def test_translation_full_with_small_batches(self):
        self.check(hyperparameters={"batch_size": 8})

    def test_translation_lora(self):
        self.check(method="lora", lora=ALL_LINEAR)

    def test_translation_top_layer(self):
        self.check(method="partial", top_layers=1)

    def test_translation_evaluation(self):
        self.check_use("evaluate")

    def test_translation_prediction_with_beams(self):
        self.check_use("predict", decoding={"beam_size": 4})


if __name__ == "__main__":
    unittest.main()
