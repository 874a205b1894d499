# SPDX-License-Identifier: Apache-2.0
"""The rows, models and settings that both sides of the translation bench see."""
import json
import os

CACHE = os.environ["ATTUNE_CACHE"]
# Direction: (folder of the base, source, target).
DIRECTIONS = {"en-pt": (os.path.join(CACHE, "models", "marian-enpt-tiny"), "en", "pt"),
              "pt-en": (os.path.join(CACHE, "models", "marian-pten-tiny"), "pt", "en")}
TRAIN = os.path.join(CACHE, "data", "package-descriptions", "train.jsonl")
TEST = os.path.join(CACHE, "data", "package-descriptions", "test.jsonl")
# Everyday sentences, English and Portuguese by tabs, of no package: what tuning costs elsewhere.
GENERAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared", "data", "general-en-pt.tsv")
BATCH, RATE, LORA_RATE, EPOCHS, SEED = 32, 5e-5, 1e-3, 3, 0


def read(path):
    """[] where there is no such file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def read_general():
    """[] where there are none."""
    if not os.path.exists(GENERAL):
        return []
    with open(GENERAL, encoding="utf-8") as f:
        return [dict(zip(("en", "pt"), line.rstrip("\n").split("\t"))) for line in f]


def write(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
