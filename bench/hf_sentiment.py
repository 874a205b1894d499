# SPDX-License-Identifier: Apache-2.0
"""The peer: transformers' Trainer, fp32, dynamic padding. One JSON line on stdout.

    hf_sentiment.py whole                 3 epochs, evaluated and saved each, best kept, test measured
    hf_sentiment.py rate STEPS CSV        real tokens a second over the steps after the warm-up
"""
import json
import sys
import tempfile
import time

import numpy
import torch
import transformers
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainerCallback, TrainingArguments)

import sentiment_data as data

WARM_UP_STEPS = 10


class CountingCollator(DataCollatorWithPadding):
    """Counts the real tokens of each batch it makes."""
    counts = []

    def __call__(self, features):
        batch = super().__call__(features)
        self.counts.append(int(batch["attention_mask"].sum()))
        return batch


class StepTimes(TrainerCallback):
    times = []

    def on_step_end(self, args, state, control, **kwargs):
        self.times.append(time.perf_counter())


def labels_of(rows):
    return sorted({label for _, label in rows})


def encode(tokenizer, rows, labels):
    encoded = tokenizer([text for text, _ in rows], truncation=True)
    return [{"input_ids": ids, "attention_mask": mask, "labels": labels.index(label)}
            for ids, mask, (_, label) in zip(encoded["input_ids"], encoded["attention_mask"], rows)]


def accuracy(prediction):
    return {"accuracy": float((numpy.argmax(prediction.predictions, -1) == prediction.label_ids).mean())}


def make_trainer(folder, train, evaluation, prepare=lambda model: model, learning_rate=data.RATE, **arguments):
    """prepare: what a tuning method makes of the base."""
    transformers.set_seed(data.SEED)
    tokenizer = AutoTokenizer.from_pretrained(data.BASE)
    model = AutoModelForSequenceClassification.from_pretrained(
        data.BASE, num_labels=len(labels_of(train)), hidden_dropout_prob=data.DROPOUT,
        attention_probs_dropout_prob=data.DROPOUT, dtype=torch.float32)
    settings = TrainingArguments(
        output_dir=folder, per_device_train_batch_size=data.BATCH, per_device_eval_batch_size=64,
        learning_rate=learning_rate, seed=data.SEED, report_to=[], disable_tqdm=True, use_cpu=True,
        dataloader_pin_memory=False, logging_steps=50, **arguments)
    return tokenizer, Trainer(
        model=prepare(model), args=settings, processing_class=tokenizer, compute_metrics=accuracy,
        data_collator=CountingCollator(tokenizer), callbacks=[StepTimes()],
        train_dataset=encode(tokenizer, train, labels_of(train)),
        eval_dataset=encode(tokenizer, evaluation, labels_of(train)) if evaluation else None)


def whole(folder):
    train, evaluation = data.split(data.read(data.TRAIN))
    tokenizer, trainer = make_trainer(
        folder, train, evaluation, num_train_epochs=data.EPOCHS, eval_strategy="epoch",
        save_strategy="epoch", save_total_limit=2, load_best_model_at_end=True,
        metric_for_best_model="accuracy")
    test = encode(tokenizer, data.read(data.TEST), data.LABELS)
    base = trainer.predict(test).metrics["test_accuracy"]
    trainer.train()
    tuned = trainer.predict(test).metrics["test_accuracy"]
    trainer.save_model(folder)
    return {"base": base, "accuracy": tuned, "train": len(train), "eval": len(evaluation), "test": len(test)}


def rate(folder, steps, path):
    _, trainer = make_trainer(folder, data.read(path), None, max_steps=steps, save_strategy="no")
    trainer.train()
    times, counts = StepTimes.times, CountingCollator.counts[:steps]
    seconds = times[-1] - times[WARM_UP_STEPS - 1]
    return {"tokens_per_second": sum(counts[WARM_UP_STEPS:steps]) / seconds}


def main():
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1] == "whole":
            result = whole(folder)
        else:
            result = rate(folder, int(sys.argv[2]), sys.argv[3])
    result["versions"] = {"transformers": transformers.__version__, "torch": torch.__version__,
                          "threads": torch.get_num_threads()}
    print("RESULT " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
