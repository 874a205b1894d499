# SPDX-License-Identifier: Apache-2.0
"""The trainer killed at random instants, for each method and kind of work: resumed from its newest
checkpoint, it ends with the bytes of a run that was never killed. A sample of the instants by
default; twenty for each with ATTUNE_TEST_ALL."""
import hashlib
import json
import os
import random
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from harness.inputs import make_model, make_reviews

TRAINER = Path(os.environ["ATTUNE_BIN_DIR"]) / "attune-trainer"
POINTS = 20 if os.environ.get("ATTUNE_TEST_ALL") else 2
SEED = int(os.environ.get("ATTUNE_KILL_SEED", "1"))
STEPS, CHECKPOINT_EVERY = 120, 7
# Files of a result that hold times or rates, which differ from run to run.
MEASURED = {"trainer_state.json", "metrics.jsonl"}
METHODS = {
    "full": {"method": "full"},
    "lora": {"method": "lora", "lora": {"rank": 4, "alpha": 8, "dropout": 0.1,
                                        "target_modules": ["all-linear"]}},
    "head": {"method": "head"},
    "partial": {"method": "partial", "top_layers": 1},
}


class KillPoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = Path(cls.folder.name)
        cls.base = make_model(cls.root / "base")
        cls.train = make_reviews(cls.root / "train.csv", 200)
        cls.test = make_reviews(cls.root / "test.csv", 400, seed=1)
        cls.random = random.Random(SEED)

    def test_full(self):
        self.survives(self.tuning("full"))

    def test_lora(self):
        self.survives(self.tuning("lora"))

    def test_head(self):
        self.survives(self.tuning("head"))

    def test_partial(self):
        self.survives(self.tuning("partial"))

    # ---- the work ----

    @staticmethod
    def dataset(path):
        return {"path": str(path), "format": "csv", "text_columns": ["text"],
                "label_column": "label", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    def tuning(self, method):
        return {"job": "jobs/victim", "base_model_dir": str(self.base),
                "base_model_sha256": hashlib.sha256(b"tiny").hexdigest(),
                "cache_dir": str(self.root / f"cache-{method}"), "labels": ["negative", "positive"],
                "train": self.dataset(self.train), "test": self.dataset(self.test),
                "eval_fraction": 0.1, "eval_every_steps": 25, "max_steps": STEPS,
                "checkpoint_every_steps": CHECKPOINT_EVERY, "threads": 1,
                "hyperparameters": {"epochs": 1000, "dropout": 0.1, "learning_rate": 1e-3},
                **METHODS[method]}

    def attempt(self, spec, work, kill_after=None):
        """Runs the trainer in the folder `work`; True when it came to its end."""
        work.mkdir(parents=True)
        (work / "spec.json").write_text(json.dumps({**spec, "work_dir": str(work)}))
        with subprocess.Popen([TRAINER, "--spec", work / "spec.json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(timeout=kill_after or 120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                self.assertIsNotNone(kill_after, "the trainer took too long")
                return False
        self.assertEqual(process.returncode, 0, (out[-2000:], err[-2000:]))
        return True

    @staticmethod
    def newest_checkpoint(work):
        found = [p for p in (work / "checkpoints").glob("step-*") if p.suffix != ".tmp"]
        return max(found, key=lambda p: int(p.name.split("-")[1]), default=None)

    @staticmethod
    def result(work):
        return {str(p.relative_to(work / "model")): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in (work / "model").rglob("*") if p.is_file() and p.name not in MEASURED}

    # ---- the kills ----

    def survives(self, spec):
        name = spec["method"]
        start = time.monotonic()
        self.assertTrue(self.attempt(spec, self.root / f"{name}-undisturbed"))
        seconds = time.monotonic() - start
        expected = self.result(self.root / f"{name}-undisturbed")
        self.assertIn("model.safetensors", expected)
        kills = resumed = 0
        for point in range(POINTS):
            work, resume, tries = None, None, 0
            while True:
                work = self.root / f"{name}-{point}-{tries}"
                more = {"resume_dir": str(resume)} if resume else {}
                # Later attempts have less to do: a shorter wait keeps the kills inside them.
                limit = self.random.uniform(0.15, 0.95) * seconds if tries < 3 else None
                if self.attempt({**spec, **more}, work, limit):
                    break
                kills, tries = kills + 1, tries + 1
                newest = self.newest_checkpoint(work)
                resumed += newest is not None
                resume = newest or resume
            self.assertEqual(self.result(work), expected,
                             f"{name}, point {point} (ATTUNE_KILL_SEED={SEED}), {tries} kills")
        self.assertGreater(kills, 0)
        self.assertGreater(resumed, 0, "no kill came after a checkpoint")


if __name__ == "__main__":
    unittest.main()
