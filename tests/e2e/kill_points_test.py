# SPDX-License-Identifier: Apache-2.0
"""The trainer killed at random instants, for each method and kind of work: resumed from its newest
checkpoint, it ends with the bytes of a run that was never killed. A sample of the instants by
default; twenty for each with ATTUNE_TEST_ALL."""
import hashlib
import json
import os
import random
import subprocess
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

from harness.images import COLOURS, make_image_model, make_pictures
from harness.inputs import make_model, make_reviews
from harness.translation import make_sentences, make_translation_model, write_pairs

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
VARIED = {"batch_norms": "trained", "horizontal_flip": True, "min_crop_area": 0.5}
TRANSLATION = {"task": "translation", "best_metric": "chrf", "decoding": {"beam_size": 2}}


class KillPoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = Path(cls.folder.name)
        cls.base = make_model(cls.root / "base")
        cls.train = make_reviews(cls.root / "train.csv", 200)
        cls.test = make_reviews(cls.root / "test.csv", 400, seed=1)
        cls.student = make_translation_model(cls.root / "student")
        cls.pairs = write_pairs(cls.root / "pairs.jsonl", make_sentences(200))
        cls.test_pairs = write_pairs(cls.root / "test_pairs.jsonl", make_sentences(100, seed=1))
        cls.network = make_image_model(cls.root / "network")
        cls.images = cls.pack(make_pictures(cls.root / "images", 20))
        cls.test_images = cls.pack(make_pictures(cls.root / "test_images", 20, seed=1))
        cls.random = random.Random(SEED)

    @staticmethod
    def pack(folder):
        packed = folder.with_suffix(".tar")
        with tarfile.open(packed, "w", format=tarfile.USTAR_FORMAT) as tar:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                tar.add(path, path.relative_to(folder))
        return packed

    def test_full(self):
        self.survives(self.classifying("full"), "full")

    def test_lora(self):
        self.survives(self.classifying("lora"), "lora")

    def test_head(self):
        self.survives(self.classifying("head"), "head")

    def test_partial(self):
        self.survives(self.classifying("partial"), "partial")

    def test_full_translation(self):
        self.survives(self.translating("full"), "full-translation")

    def test_lora_translation(self):
        self.survives(self.translating("lora"), "lora-translation")

    def test_full_images(self):
        self.survives(self.seeing("full"), "full-images")

    def test_head_images(self):
        self.survives(self.seeing("head"), "head-images")

    def test_partial_images(self):
        self.survives(self.seeing("partial"), "partial-images")

    # ---- the work ----

    @staticmethod
    def dataset(path, **columns):
        return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                **columns}

    @staticmethod
    def tuning(base, method, **more):
        return {"job": "jobs/victim", "base_model_dir": str(base),
                "base_model_sha256": hashlib.sha256(b"tiny").hexdigest(),
                "eval_fraction": 0.1, "eval_every_steps": 25, "max_steps": STEPS,
                "checkpoint_every_steps": CHECKPOINT_EVERY, "threads": 1,
                "hyperparameters": {"epochs": 1000, "dropout": 0.1, "learning_rate": 1e-3},
                **METHODS[method], **more}

    def classifying(self, method):
        columns = {"format": "csv", "text_columns": ["text"], "label_column": "label"}
        return self.tuning(self.base, method, labels=["negative", "positive"],
                           cache_dir=str(self.root / f"cache-{method}"),
                           train=self.dataset(self.train, **columns),
                           test=self.dataset(self.test, **columns))

    def translating(self, method):
        columns = {"format": "jsonl", "text_columns": ["translation.small"],
                   "label_column": "translation.large", "label_kind": "text"}
        return self.tuning(self.student, method, **TRANSLATION, labels=[],
                           train=self.dataset(self.pairs, **columns),
                           test=self.dataset(self.test_pairs, **columns))

    def seeing(self, method):
        """Statistics of batch norms and augmentation are part of what must come back."""
        columns = {"format": "images", "text_columns": [], "label_column": ""}
        image = {"size": 32, **(VARIED if method == "full" else {})}
        return self.tuning(self.network, method, task="image_classification", image=image,
                           labels=sorted(COLOURS), cache_dir=str(self.root / f"cache-{method}"),
                           train=self.dataset(self.images, **columns),
                           test=self.dataset(self.test_images, **columns))

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

    def survives(self, spec, name):
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
