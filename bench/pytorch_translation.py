# SPDX-License-Identifier: Apache-2.0
"""The peer: the student in plain PyTorch (tests/parity/reference_student.py), fully tuned with AdamW. One JSON line on
stdout: BLEU and chrF of held-out descriptions and of everyday sentences, before and after.

    pytorch_translation.py DIRECTION RATE EPOCHS FOLDER      with train.jsonl, test.jsonl and perhaps general.jsonl
"""
import json
import os
import random
import sys

import sacrebleu
import sentencepiece
import torch

import translation_data as data

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "parity"))
from reference_student import END, Student  # noqa: E402


class Side:
    """One direction: its base, and rows as ids."""

    def __init__(self, direction):
        folder, self.source, self.target = data.DIRECTIONS[direction]
        vocabulary = next(name for name in os.listdir(folder) if name.endswith(".spm"))
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, vocabulary))
        self.student = Student.load(folder)

    def encode(self, texts):
        return [ids + [END] for ids in self.pieces.encode(texts)]

    def pairs(self, rows):
        sources, targets = (self.encode([row[side] for row in rows]) for side in (self.source, self.target))
        return list(zip(sources, targets))

    def translate(self, texts, batch=64):
        sources = self.encode(texts)
        order = sorted(range(len(texts)), key=lambda i: len(sources[i]))
        found = [""] * len(texts)
        for first in range(0, len(order), batch):
            rows = order[first:first + batch]
            for row, ids in zip(rows, self.student.greedy([sources[row] for row in rows])):
                found[row] = self.pieces.decode(ids)
        return found

    def measure(self, rows):
        if not rows:
            return None
        found = self.translate([row[self.source] for row in rows])
        references = [[row[self.target] for row in rows]]
        return {"bleu": sacrebleu.corpus_bleu(found, references).score,
                "chrf": sacrebleu.corpus_chrf(found, references).score}


def tune(student, pairs, rate, epochs):
    """Linear decay, no warm-up, no weight decay, no dropout: the mean of a batch's tokens."""
    batches = -(-len(pairs) // data.BATCH)
    steps = batches * epochs
    optimizer = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    random.seed(data.SEED)
    for epoch in range(epochs):
        random.shuffle(pairs)
        total = 0.0
        for first in range(0, len(pairs), data.BATCH):
            sources, targets = zip(*pairs[first:first + data.BATCH])
            loss = student.loss(list(sources), list(targets))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            decay.step()
            total += loss.item()
        print(f"  epoch {epoch + 1}: mean loss {total / batches:.4f}", file=sys.stderr, flush=True)


def main():
    direction, rate, epochs, folder = sys.argv[1:]
    train, test, general = (data.read(os.path.join(folder, f"{name}.jsonl")) for name in ("train", "test", "general"))
    side = Side(direction)
    result = {"base": side.measure(test), "general_base": side.measure(general)}
    tune(side.student, side.pairs(train), float(rate), int(epochs))
    result.update(tuned=side.measure(test), general_tuned=side.measure(general),
                  versions={"torch": torch.__version__, "sacrebleu": sacrebleu.__version__})
    print("RESULT " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
