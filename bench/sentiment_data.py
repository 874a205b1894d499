# SPDX-License-Identifier: Apache-2.0
"""The rows that both sides of the sentiment bench see."""
import csv
import hashlib
import os

CACHE = os.environ["ATTUNE_CACHE"]
BASE = os.path.join(CACHE, "models", "all-minilm-l6-v2")
TRAIN = os.path.join(CACHE, "data", "movie-reviews", "train.csv")
TEST = os.path.join(CACHE, "data", "movie-reviews", "test.csv")
LABELS = ["negative", "positive"]
EVAL_FRACTION = 0.05
BATCH, RATE, EPOCHS, DROPOUT, SEED = 32, 5e-5, 3, 0.1, 0


def read(path):
    with open(path, newline="", encoding="utf-8") as f:
        return [(row["text"], row["label"]) for row in csv.DictReader(f)]


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["text", "label"])
        writer.writerows(rows)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def held_out(text):
    """formats/datasets/split.h, in Python."""
    value = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return value / 2.0**64 < EVAL_FRACTION


def split(rows):
    return [r for r in rows if not held_out(r[0])], [r for r in rows if held_out(r[0])]
