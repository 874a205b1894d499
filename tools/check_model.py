# SPDX-License-Identifier: Apache-2.0
"""Loads a tuned model in transformers and compares its logits with attune's own.

    check_model.py MODEL_FOLDER ATTUNE_TRAINER REVIEWS.csv

prints the largest absolute difference over the first 8 rows; fails above the parity bar.
"""
import csv
import itertools
import json
import os
import subprocess
import sys

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

import torch  # noqa: E402  transformers reads the environment when it is imported
from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402

ROWS, BAR = 8, 1e-4


def transformers_logits(folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        rows = [model(**tokenizer(text, truncation=True, max_length=512, return_tensors="pt"))
                for text in texts]
    return torch.cat([row.logits for row in rows])


def attune_logits(folder, trainer, texts):
    """attune-trainer --logits FOLDER: {"text": …} a line in, {"logits": […], …} a line out."""
    answer = subprocess.run([trainer, "--logits", folder], check=True, text=True,
                            input="".join(json.dumps({"text": text}) + "\n" for text in texts),
                            stdout=subprocess.PIPE)
    return torch.tensor([json.loads(line)["logits"] for line in answer.stdout.splitlines()])


def main():
    folder, trainer, reviews = sys.argv[1:]
    logging.disable_progress_bar()
    with open(reviews, encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in itertools.islice(csv.DictReader(file), ROWS)]
    theirs, ours = transformers_logits(folder, texts), attune_logits(folder, trainer, texts)
    if theirs.shape != ours.shape:
        raise SystemExit(f"check_model: transformers gives logits of shape {tuple(theirs.shape)}, "
                         f"attune-trainer {tuple(ours.shape)}")
    difference = (theirs - ours).abs().max().item()
    print(f"{difference:.0e}")
    if not difference <= BAR:
        raise SystemExit(f"check_model: logits differ by {difference:.2e}, above {BAR:.0e}")


if __name__ == "__main__":
    main()
