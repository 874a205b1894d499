#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The trainer against transformers and scikit-learn: same weights, same batches, dropout 0.

    ATTUNE_BIN_DIR=build/bin python tests/parity/trainer_parity.py

Bases: small random models of each family made here, and all-MiniLM-L6-v2 where the set-up has put it
(ATTUNE_CACHE, default ~/.cache/attune). Fails where a peer cannot be imported.
"""
import csv
import json
import math
import os
import random
import subprocess
import tempfile
import unittest

import numpy
import tokenizers
import torch
import transformers
from sklearn import metrics as sklearn_metrics

BIN = os.path.join(os.environ["ATTUNE_BIN_DIR"], "attune-trainer")
CACHE = os.environ.get("ATTUNE_CACHE", os.path.expanduser("~/.cache/attune"))
MINILM = os.path.join(CACHE, "models", "all-minilm-l6-v2")
REVIEWS = os.path.join(CACHE, "data", "movie-reviews")
LABELS = ["negative", "neutral", "positive"]

WORDS = ("the a film is was very not good bad great awful plot actor scene boring bright slow fast funny "
         "sad of and but with in it this that never always nothing much more less ending start").split()


def synthetic_rows(count, seed):
    """Texts of 1 to 40 words with three labels, learnable from the words."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        words = [rng.choice(WORDS) for _ in range(rng.randint(1, 40))]
        score = sum(w in ("good", "great", "bright", "funny") for w in words)
        score -= sum(w in ("bad", "awful", "boring", "sad") for w in words)
        rows.append((" ".join(words), LABELS[1 + (score > 0) - (score < 0)]))
    return rows


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["text", "label"])
        writer.writerows(rows)


def dataset(path):
    return {"path": path, "format": "csv", "text_columns": ["text"], "label_column": "label"}


def save_wordpiece(folder):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + list("abcdefghijklmnopqrstuvwxyz.")
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(vocabulary) + "\n")
    transformers.BertTokenizerFast(os.path.join(folder, "vocab.txt")).save_pretrained(folder)
    return len(vocabulary)


def save_byte_level_bpe(folder):
    bpe = tokenizers.ByteLevelBPETokenizer()
    bpe.train_from_iterator([text for text, _ in synthetic_rows(50, 9)], vocab_size=320, show_progress=False,
                            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    bpe.save_model(folder)
    fast = transformers.RobertaTokenizerFast.from_pretrained(folder)
    fast.save_pretrained(folder)
    return len(fast)


def make_tiny_base(folder, with_head, family="bert"):
    """A random two-layer model with its tokenizer, saved as transformers saves it."""
    torch.manual_seed(7)
    os.makedirs(folder)
    labels = {"id2label": dict(enumerate(LABELS)), "label2id": {l: i for i, l in enumerate(LABELS)},
              "initializer_range": 0.2, "max_position_embeddings": 64}
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
    if family == "bert":
        config = transformers.BertConfig(vocab_size=save_wordpiece(folder), **sizes, **labels)
    elif family == "roberta":
        config = transformers.RobertaConfig(vocab_size=save_byte_level_bpe(folder), type_vocab_size=1, **sizes,
                                            **labels)
    else:
        config = transformers.DistilBertConfig(vocab_size=save_wordpiece(folder), dim=64, n_layers=2, n_heads=4,
                                               hidden_dim=256, **labels)
    kind = transformers.AutoModelForSequenceClassification if with_head else transformers.AutoModel
    model = kind.from_config(config)
    with torch.no_grad():  # transformers starts them at 0 and 1, which would hide a mistake in them
        for name, p in model.named_parameters():
            if name.endswith("bias") or "LayerNorm" in name or "layer_norm" in name:
                p.add_(0.1 * torch.randn_like(p))
    model.save_pretrained(folder)


QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
QUIET_DISTILBERT = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}


def load(folder, **more):
    """The folder's classifier without dropout, and its tokenizer."""
    family = transformers.AutoConfig.from_pretrained(folder).model_type
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, **(QUIET_DISTILBERT if family == "distilbert" else QUIET), **more)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


def longest(model):
    config = model.config
    return config.max_position_embeddings - (config.pad_token_id + 1 if config.model_type == "roberta" else 0)


def peer_logits(folder, texts):
    model, tokenizer = load(folder)
    with torch.no_grad():
        return [model(**tokenizer(*([t] if isinstance(t, str) else t), truncation=True, max_length=longest(model),
                                  return_tensors="pt")).logits[0].numpy() for t in texts]


def our_logits(folder, texts, *more):
    request = lambda t: {"text": t} if isinstance(t, str) else {"texts": t}
    lines = "".join(json.dumps(request(t)) + "\n" for t in texts)
    done = subprocess.run([BIN, "--logits", folder, *more], input=lines, text=True, capture_output=True, check=True)
    return [numpy.array(json.loads(line)["logits"]) for line in done.stdout.splitlines()]


def run_trainer(spec, folder, log=True):
    """Runs a job alone: its events, and the lines of its metrics.jsonl where it writes one."""
    path = os.path.join(folder, "spec.json")
    os.makedirs(spec["work_dir"], exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(spec, f)
    done = subprocess.run([BIN, "--spec", path], text=True, capture_output=True, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        raise AssertionError(f"attune-trainer ended with {done.returncode}: {events[-1:]} {done.stderr}")
    if not log:
        return events, []
    with open(os.path.join(spec["work_dir"], "metrics.jsonl"), encoding="utf-8") as f:
        return events, [json.loads(line) for line in f]


def optimizer_of(model, rate):
    """AdamW over what is trained, without decay of biases and norms."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    quiet = lambda name: name.endswith("bias") or "LayerNorm" in name or "layer_norm" in name
    return torch.optim.AdamW([{"params": [p for n, p in named if not quiet(n)], "weight_decay": 0.01},
                              {"params": [p for n, p in named if quiet(n)], "weight_decay": 0.0}], lr=rate)


def follow(case, model, tokenizer, steps, optimizer=None):
    """Trains `model` on the very batches of our log lines `steps`, and compares loss, gradient norm and rate."""
    optimizer = optimizer or optimizer_of(model, case.rate)
    model.train()
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, 5, case.steps)
    for _ in range(steps[0]["step"] - 1):
        schedule.step()
    for ours in steps:
        rows = [case.rows_train[i] for i in ours["samples"]]
        loss = 0.0
        for at in range(0, len(rows), case.batch):
            part = rows[at:at + case.batch]
            inputs = tokenizer([t for t, _ in part], padding=True, truncation=True, max_length=longest(model),
                               return_tensors="pt")
            labels = torch.tensor([case.labels.index(label) for _, label in part])
            share = model(**inputs, labels=labels).loss * len(part) / len(rows)
            share.backward()
            loss += share.item()
        norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0).item()
        rate = schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        where = f"step {ours['step']}"
        case.assertAlmostEqual(ours["learning_rate"], rate, delta=1e-12, msg=where)
        case.assertLessEqual(abs(ours["loss"] - loss), 1e-5 * max(1.0, loss), msg=where)
        case.assertLessEqual(abs(ours["grad_norm"] - norm), 1e-4 * norm, msg=where)


class Bars(unittest.TestCase):
    """The comparisons, once for each base; subclasses say which."""
    architecture = "BertForSequenceClassification"

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.prepare()
        # A run of a few steps; its base with the head it starts from is the export of a run with rate 0.
        cls.start = os.path.join(cls.folder, "start", "model")
        run_trainer(cls.spec("start", learning_rate=1e-30, steps=1), cls.folder)
        cls.events, cls.log = run_trainer(cls.spec("run", learning_rate=cls.rate, steps=cls.steps), cls.folder)
        cls.model = os.path.join(cls.folder, "run", "model")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def spec(cls, name, learning_rate, steps):
        return {
            "job": "jobs/parity", "attempt": 1, "work_dir": os.path.join(cls.folder, name),
            "base_model_dir": cls.base, "base_model_name": "models/base", "task": "text_classification",
            "labels": cls.labels, "train": dataset(cls.train), "test": dataset(cls.test), "method": "full",
            "max_steps": steps, "threads": 1,
            "hyperparameters": {
                "batch_size": cls.batch, "gradient_accumulation_steps": cls.accumulation, "dropout": 0.0,
                "learning_rate": learning_rate, "warmup_steps": 5, "weight_decay": 0.01, "seed": 3}}

    def test_logits_of_the_base_agree(self):
        texts = [text for text, _ in self.rows_test[:64]]
        for ours, theirs in zip(our_logits(self.start, texts), peer_logits(self.start, texts)):
            self.assertLessEqual(numpy.abs(ours - theirs).max(), 1e-4)

    def test_loss_and_gradient_norm_of_every_step_agree(self):
        model, tokenizer = load(self.start)
        steps = [line for line in self.log if line["type"] == "step"]
        self.assertEqual(len(steps), self.steps)
        follow(self, model, tokenizer, steps)

    def test_metrics_equal_scikit_learn(self):
        texts = [text for text, _ in self.rows_test]
        truth = [self.labels.index(label) for _, label in self.rows_test]
        logits = numpy.stack(peer_logits(self.model, texts))
        predicted = logits.argmax(-1)
        ours = next(e for e in self.events if e["type"] == "evaluation" and e["split"] == "TEST")
        score = lambda f, average: f(truth, predicted, average=average, zero_division=0)
        log_probabilities = torch.log_softmax(torch.tensor(logits, dtype=torch.float64), -1).numpy()
        expected = {
            "accuracy": sklearn_metrics.accuracy_score(truth, predicted),
            "macro_f1": score(sklearn_metrics.f1_score, "macro"),
            "micro_f1": score(sklearn_metrics.f1_score, "micro"),
            "weighted_f1": score(sklearn_metrics.f1_score, "weighted"),
            "macro_precision": score(sklearn_metrics.precision_score, "macro"),
            "macro_recall": score(sklearn_metrics.recall_score, "macro"),
            "majority": numpy.bincount(truth).max() / len(truth)}
        for name, value in expected.items():
            self.assertAlmostEqual(ours["metrics"][name], value, delta=1e-6, msg=name)
        loss = -log_probabilities[numpy.arange(len(truth)), truth].mean()
        self.assertAlmostEqual(ours["metrics"]["loss"], loss, delta=1e-5)
        matrix = sklearn_metrics.confusion_matrix(truth, predicted, labels=range(len(self.labels)))
        self.assertEqual(ours["confusion"], matrix.tolist())

    def test_exported_folder_loads_with_the_same_logits(self):
        texts = [text for text, _ in self.rows_test[:64]]
        for ours, theirs in zip(our_logits(self.model, texts), peer_logits(self.model, texts)):
            self.assertLessEqual(numpy.abs(ours - theirs).max(), 1e-4)
        config = transformers.AutoConfig.from_pretrained(self.model)
        self.assertEqual(config.architectures, [self.architecture])
        self.assertEqual([config.id2label[i] for i in range(len(self.labels))], self.labels)


class Tiny(Bars):
    """A small random base; the family is a class attribute."""
    rate, steps, batch, accumulation = 1e-3, 50, 4, 2
    labels = LABELS

    @classmethod
    def prepare(cls):
        cls.base = os.path.join(cls.folder, "base")
        make_tiny_base(cls.base, False, cls.family)
        cls.rows_train, cls.rows_test = synthetic_rows(101, 1), synthetic_rows(80, 2)
        cls.train, cls.test = os.path.join(cls.folder, "train.csv"), os.path.join(cls.folder, "test.csv")
        write_csv(cls.train, cls.rows_train)
        write_csv(cls.test, cls.rows_test)

    def test_a_folder_with_a_head_keeps_it(self):
        base = os.path.join(self.folder, "with_head")
        make_tiny_base(base, True, self.family)
        texts = [text for text, _ in self.rows_test]
        for ours, theirs in zip(our_logits(base, texts), peer_logits(base, texts)):
            self.assertLessEqual(numpy.abs(ours - theirs).max(), 1e-4)

    def test_logits_of_pairs_agree(self):
        texts = [text for text, _ in self.rows_test]
        pairs = list(zip(texts[::2], texts[1::2]))
        for ours, theirs in zip(our_logits(self.model, pairs), peer_logits(self.model, pairs)):
            self.assertLessEqual(numpy.abs(ours - theirs).max(), 1e-4)

    def test_loss_falls(self):
        losses = [line["loss"] for line in self.log if line["type"] == "step"]
        self.assertLess(sum(losses[-5:]) / 5, 0.9 * sum(losses[:5]) / 5)
        self.assertTrue(all(math.isfinite(x) for x in losses))


class TinyBert(Tiny):
    family = "bert"


class TinyRoberta(Tiny):
    family, architecture = "roberta", "RobertaForSequenceClassification"


class TinyDistilBert(Tiny):
    family, architecture = "distilbert", "DistilBertForSequenceClassification"


class MiniLm(Bars):
    rate, steps, batch, accumulation = 5e-5, 50, 8, 1
    labels = ["negative", "positive"]

    @classmethod
    def prepare(cls):
        cls.base = MINILM
        rows = []
        for name in ("train", "test"):
            with open(os.path.join(REVIEWS, f"{name}.csv"), newline="", encoding="utf-8") as f:
                rows.append([(r["text"], r["label"]) for r in csv.DictReader(f)][:400])
        cls.rows_train, cls.rows_test = rows[0], rows[1][:100]
        cls.train, cls.test = os.path.join(cls.folder, "train.csv"), os.path.join(cls.folder, "test.csv")
        write_csv(cls.train, cls.rows_train)
        write_csv(cls.test, cls.rows_test)


def load_tests(loader, _tests, _pattern):
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(c) for c in (TinyBert, TinyRoberta, TinyDistilBert))
    if os.path.isdir(MINILM) and os.path.isdir(REVIEWS):
        suite.addTests(loader.loadTestsFromTestCase(MiniLm))
    return suite


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
