# SPDX-License-Identifier: Apache-2.0
"""Drives bench/translation.sh: each direction, both sides one after the other."""
import argparse
import os
import tempfile

import translation_data as data
from side_by_side import run_ours, run_peer, say_whether_quiet

LORA = {"rank": 8, "alpha": 8, "target_modules": ["all-linear"]}


class Ours:
    """attune-trainer in one direction, with rows in `folder`."""

    def __init__(self, direction, folder):
        self.base, self.source, self.target = data.DIRECTIONS[direction]
        self.folder = folder

    def pairs(self, name):
        return {"path": os.path.join(self.folder, name), "format": "jsonl", "label_kind": "text",
                "text_columns": [self.source], "label_column": self.target}

    def job(self, model, **more):
        """The events of a job and its wall time."""
        return run_ours(lambda folder: {
            "job": "jobs/bench", "attempt": 1, "task": "translation", "labels": [], "best_metric": "chrf",
            "base_model_dir": model, "base_model_name": "models/student", **more})

    def tune(self, method, rate, epochs):
        """Tested before and after: {"base", "tuned", "general_base", "general_tuned"}; the wall time."""
        with tempfile.TemporaryDirectory() as work:
            events, seconds = self.job(
                self.base, work_dir=work, train=self.pairs("train.jsonl"), test=self.pairs("test.jsonl"),
                method=method, lora=LORA, hyperparameters={
                    "epochs": epochs, "batch_size": data.BATCH, "learning_rate": rate, "dropout": 0.0,
                    "seed": data.SEED})
            found = {"base": measured(events, "TEST_BASE"), "tuned": measured(events, "TEST")}
            if os.path.exists(os.path.join(self.folder, "general.jsonl")):
                tuned = next(e["model_dir"] for _, e in events if e["type"] == "succeeded")
                general, _ = self.job(tuned, work="evaluate", test=self.pairs("general.jsonl"),
                                      compare_model_dir=self.base)
                found["general_base"] = measured(general, "TEST_BASE")
                found["general_tuned"] = measured(general, "TEST")
        return found, seconds


def measured(events, split):
    return next(e["metrics"] for _, e in events if e["type"] == "evaluation" and e["split"] == split)


def write_rows(folder, rows, test_rows):
    for name, found in (("train", data.read(data.TRAIN)[:rows]), ("test", data.read(data.TEST)[:test_rows]),
                        ("general", data.read_general())):
        if found:
            data.write(os.path.join(folder, f"{name}.jsonl"), found)
        else:
            print(f"Everyday sentences are left out: there is no {os.path.normpath(data.GENERAL)}")


def say(who, found, seconds):
    for base, tuned, rows in (("base", "tuned", "held-out packages"),
                              ("general_base", "general_tuned", "everyday sentences")):
        if found.get(base):
            changes = "  ".join(f"{name} {found[base][key]:6.2f} → {found[tuned][key]:6.2f} "
                                f"({found[tuned][key] - found[base][key]:+.2f})"
                                for name, key in (("BLEU", "bleu"), ("chrF", "chrf")))
            print(f"  {who:13s} {rows:18s} {changes}  {seconds:6.0f} s", flush=True)


def compare(direction, options):
    print(f"{direction}:")
    with tempfile.TemporaryDirectory() as folder:
        write_rows(folder, options.rows, options.test_rows)
        side = Ours(direction, folder)
        peer, peer_seconds = run_peer("pytorch_translation.py", direction, data.RATE, options.epochs, folder)
        say("PyTorch", peer, peer_seconds)
        ours, seconds = side.tune("full", data.RATE, options.epochs)
        say("attune", ours, seconds)
        for name, key in (("BLEU", "bleu"), ("chrF", "chrf")):
            theirs, own = (found["tuned"][key] - found["base"][key] for found in (peer, ours))
            print(f"  {name}: attune's gain is {own:+.2f} of PyTorch's {theirs:+.2f}; tuned, they are "
                  f"{ours['tuned'][key] - peer['tuned'][key]:+.2f} apart")
        say("attune, LoRA", *side.tune("lora", data.LORA_RATE, options.epochs))
    return peer["versions"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--direction", choices=data.DIRECTIONS, action="append")
    parser.add_argument("--epochs", type=int, default=data.EPOCHS)
    parser.add_argument("--rows", type=int, help="that are trained on, instead of all")
    parser.add_argument("--test-rows", type=int, help="that are held out, instead of all")
    options = parser.parse_args()
    say_whether_quiet()
    for direction in options.direction or data.DIRECTIONS:
        versions = compare(direction, options)
    print(f"versions: {versions}")


if __name__ == "__main__":
    main()
