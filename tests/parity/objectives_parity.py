#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Schedules, losses, metrics and predictions against transformers, torch, scikit-learn and scipy.

    ATTUNE_BIN_DIR=build/bin python tests/parity/objectives_parity.py

One small random base, and a job for each kind of label: same weights, same batches, dropout 0. Fails
where a peer cannot be imported.
"""
import json
import os
import tempfile
import unittest

import numpy
import torch
import transformers
from scipy import stats
from sklearn import metrics as sk
from sklearn.utils.class_weight import compute_class_weight

from trainer_parity import LABELS, make_tiny_base, our_logits, run_trainer, synthetic_rows, write_csv

WARMUP, STEPS, RATE = 5, 40, 1e-3


def score_of(text):
    words = text.split()
    good = sum(w in ("good", "great", "bright", "funny") for w in words)
    return good - sum(w in ("bad", "awful", "boring", "sad") for w in words)


def rows_of(kind, count, seed):
    """Texts with what the kind's label column says of them."""
    rows = synthetic_rows(count, seed)
    if kind == "multi":
        topics = {"plot": ("plot", "ending"), "people": ("actor",), "good": ("good", "great")}
        return [(t, "|".join(n for n, words in topics.items() if set(words) & set(t.split()))) for t, _ in rows]
    if kind == "number":
        return [(t, repr(score_of(t) / 3)) for t, _ in rows]
    return [(t, label) for t, label in rows if label != "positive" or len(t) % 3]  # uneven classes


class Objective(unittest.TestCase):
    """The comparisons, once for each kind of label; subclasses say which."""
    kind, labels, options, hyperparameters, rate = None, [], {}, {}, RATE

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.base = os.path.join(cls.folder, "base")
        make_tiny_base(cls.base, with_head=False)
        cls.rows = {name: rows_of(cls.kind, *size) for name, size in (("train", (101, 1)), ("test", (80, 2)))}
        for name, rows in cls.rows.items():
            write_csv(os.path.join(cls.folder, f"{name}.csv"), rows)
        cls.start = os.path.join(cls.folder, "start", "model")
        cls.run_job("start", max_steps=1, hyperparameters={"learning_rate": 1e-30})
        cls.events, cls.log = cls.run_job("run", hyperparameters={
            "parameter_groups": [{"prefix": "classifier", "learning_rate": 4 * cls.rate}], "schedule": "cosine"})
        cls.model = os.path.join(cls.folder, "run", "model")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def dataset(cls, name):
        return {"path": os.path.join(cls.folder, f"{name}.csv"), "format": "csv", "text_columns": ["text"],
                "label_column": "label", "label_kind": cls.kind}

    @classmethod
    def run_job(cls, name, hyperparameters=None, **options):
        spec = {
            "job": "jobs/parity", "attempt": 1, "work_dir": os.path.join(cls.folder, name),
            "base_model_dir": cls.base, "labels": cls.labels, "train": cls.dataset("train"),
            "test": cls.dataset("test"), "max_steps": STEPS, "threads": 1, **cls.options, **options,
            "hyperparameters": {
                "batch_size": 4, "gradient_accumulation_steps": 2, "dropout": 0.0, "learning_rate": cls.rate,
                "warmup_steps": WARMUP, "seed": 3, **cls.hyperparameters, **(hyperparameters or {})}}
        return run_trainer(spec, cls.folder)

    def load(self, folder):
        model = transformers.BertForSequenceClassification.from_pretrained(
            folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout=0.0,
            dtype=torch.float32)
        return model, transformers.AutoTokenizer.from_pretrained(folder)

    def logits(self, model, tokenizer, texts):
        return model(**tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")).logits

    def truth(self, name="test"):
        """One number a row (class or value), or a row of 0 and 1 for several labels."""
        return numpy.array([self.label(text) for _, text in self.rows[name]])

    def test_loss_and_gradient_norm_of_every_step_agree(self):
        model, tokenizer = self.load(self.start)
        head = [p for n, p in model.named_parameters() if n.startswith("classifier.")]
        rest = [p for n, p in model.named_parameters() if not n.startswith("classifier.")]
        optimizer = torch.optim.AdamW([{"params": rest}, {"params": head, "lr": 4 * self.rate}],
                                      lr=self.rate, weight_decay=0)
        schedule = transformers.get_cosine_schedule_with_warmup(optimizer, WARMUP, STEPS)
        steps = [line for line in self.log if line["type"] == "step"]
        self.assertEqual(len(steps), STEPS)
        train = self.truth("train")
        for ours in steps:
            texts = [self.rows["train"][i][0] for i in ours["samples"]]
            loss = self.loss(self.logits(model, tokenizer, texts), torch.tensor(train[ours["samples"]]))
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
            where = f"step {ours['step']}"
            self.assertAlmostEqual(ours["learning_rate"], schedule.get_last_lr()[0], delta=1e-12 * self.rate, msg=where)
            self.assertLessEqual(abs(ours["loss"] - loss.item()), 1e-5 * max(1.0, loss.item()), msg=where)
            self.assertLessEqual(abs(ours["grad_norm"] - norm), 1e-4 * norm, msg=where)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()

    def test_metrics_equal_those_of_the_peers(self):
        logits = torch.tensor(numpy.stack(our_logits(self.model, [text for text, _ in self.rows["test"]])))
        ours = next(e for e in self.events if e["type"] == "evaluation" and e["split"] == "TEST")["metrics"]
        expected = self.expected_metrics(self.truth(), logits.double())
        self.assertEqual(sorted(ours), sorted(expected))
        for name, value in expected.items():
            self.assertAlmostEqual(ours[name], value, delta=1e-6, msg=name)

    def test_evaluating_and_predicting_agree(self):
        events, _ = self.run_inference("evaluate", compare_model_dir=self.base)
        measured = {e["split"]: e["metrics"] for e in events if e["type"] == "evaluation"}
        for split in ("TEST", "TEST_BASE"):
            in_training = next(e for e in self.events if e["type"] == "evaluation" and e["split"] == split)
            self.assertEqual(measured[split], in_training["metrics"])
        _, predictions = self.run_inference("predict")
        self.assertEqual([p["line"] for p in predictions], list(range(2, 2 + len(self.rows["test"]))))
        model, tokenizer = self.load(self.model)
        self.assertEqual(model.config.problem_type, self.problem_type)
        with torch.no_grad():
            logits = self.logits(model.eval(), tokenizer, [text for text, _ in self.rows["test"]])
        for ours, row in zip(predictions, logits):
            self.check_prediction(ours, row)

    def run_inference(self, work, **options):
        spec = {
            "attempt": 1, "work": work, "work_dir": os.path.join(self.folder, work), "base_model_dir": self.model,
            "labels": self.labels, "test": self.dataset("test"), "threads": 1, "hyperparameters": {"seed": 3},
            **options}
        events, _ = run_trainer(spec, self.folder, log=False)
        path = os.path.join(spec["work_dir"], "predictions", "predictions.jsonl")
        if not os.path.exists(path):
            return events, []
        with open(path, encoding="utf-8") as f:
            return events, [json.loads(line) for line in f]


def averages(truth, predicted):
    scores = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
    return {f"{average}_{name}": score(truth, predicted, average=average, zero_division=0)
            for average in ("micro", "macro", "weighted") for name, score in scores.items()}


class SingleLabel(Objective):
    kind, labels, problem_type = "single", LABELS, "single_label_classification"
    options = {"class_weighting": "balanced"}
    hyperparameters = {"label_smoothing": 0.1}

    def label(self, text):
        return self.labels.index(text)

    def loss(self, logits, target):
        weights = compute_class_weight("balanced", classes=numpy.arange(3), y=self.truth("train"))
        return torch.nn.functional.cross_entropy(
            logits, target, weight=torch.tensor(weights, dtype=torch.float32), label_smoothing=0.1)

    def expected_metrics(self, truth, logits):
        probabilities, predicted = torch.softmax(logits, -1).numpy(), logits.argmax(-1).numpy()
        return {
            "loss": sk.log_loss(truth, probabilities, labels=range(3)),
            "accuracy": sk.accuracy_score(truth, predicted), "majority": numpy.bincount(truth).max() / len(truth),
            "auc": sk.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro"),
            **averages(truth, predicted)}

    def check_prediction(self, ours, row):
        probabilities = torch.softmax(row, -1)
        self.assertEqual(ours["label"], self.labels[int(row.argmax())])
        for name, p in zip(self.labels, probabilities):
            self.assertAlmostEqual(ours["scores"][name], p.item(), delta=1e-4)


class TwoClasses(SingleLabel):
    """Without weights and smoothing, and with the AUC of two classes."""
    labels = ["rest", "positive"]
    options, hyperparameters = {}, {"weight_decay": 0.0}

    @classmethod
    def dataset(cls, name):
        return {**super().dataset(name), "label_names": {"negative": "rest", "neutral": "rest", "positive": "positive"}}

    def label(self, text):
        return int(text == "positive")

    def loss(self, logits, target):
        return torch.nn.functional.cross_entropy(logits, target)

    def expected_metrics(self, truth, logits):
        probabilities, predicted = torch.softmax(logits, -1).numpy(), logits.argmax(-1).numpy()
        return {
            "loss": sk.log_loss(truth, probabilities), "accuracy": sk.accuracy_score(truth, predicted),
            "majority": numpy.bincount(truth).max() / len(truth),
            "auc": sk.roc_auc_score(truth, probabilities[:, 1]), **averages(truth, predicted)}


class MultiLabel(Objective):
    kind, labels, problem_type = "multi", ["good", "people", "plot"], "multi_label_classification"
    options = {"best_metric": "micro_f1"}

    def label(self, text):
        return [float(name in text.split("|")) for name in self.labels]

    def loss(self, logits, target):
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, target.float())

    def expected_metrics(self, truth, logits):
        probabilities = torch.sigmoid(logits).numpy()
        predicted = (probabilities > 0.5).astype(int)
        return {
            "loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(truth)).item(),
            "subset_accuracy": sk.accuracy_score(truth, predicted),
            "auc": sk.roc_auc_score(truth, probabilities, average="macro"), **averages(truth.astype(int), predicted)}

    def check_prediction(self, ours, row):
        self.assertEqual(ours["labels"], [name for name, x in zip(self.labels, row) if x > 0])
        for name, p in zip(self.labels, torch.sigmoid(row)):
            self.assertAlmostEqual(ours["scores"][name], p.item(), delta=1e-4)


class Regression(Objective):
    kind, problem_type = "number", "regression"
    options = {"best_metric": "spearman"}
    rate = RATE / 5  # gradients of squared errors are large: with more, rounding is soon amplified

    def label(self, text):
        return float(text)

    def loss(self, logits, target):
        return torch.nn.functional.mse_loss(logits.squeeze(-1), target.float())

    def expected_metrics(self, truth, logits):
        predicted = logits.squeeze(-1).numpy()
        return {
            "loss": sk.mean_squared_error(truth, predicted), "rmse": sk.root_mean_squared_error(truth, predicted),
            "mae": sk.mean_absolute_error(truth, predicted), "r2": sk.r2_score(truth, predicted),
            "pearson": stats.pearsonr(truth, predicted).statistic,
            "spearman": stats.spearmanr(truth, predicted).statistic}

    def check_prediction(self, ours, row):
        self.assertAlmostEqual(ours["value"], row.item(), delta=1e-4)


class Schedules(unittest.TestCase):
    def test_rates_equal_those_of_transformers(self):
        peers = {
            "linear": transformers.get_linear_schedule_with_warmup,
            "cosine": transformers.get_cosine_schedule_with_warmup,
            "constant": lambda optimizer, warmup, _: transformers.get_constant_schedule_with_warmup(optimizer, warmup)}
        with tempfile.TemporaryDirectory() as folder:
            base, data = os.path.join(folder, "base"), os.path.join(folder, "train.csv")
            make_tiny_base(base, with_head=False)
            write_csv(data, synthetic_rows(12, 1))
            for name, peer in peers.items():
                for warmup in (0, WARMUP):
                    spec = {
                        "attempt": 1, "work_dir": os.path.join(folder, f"{name}-{warmup}"), "base_model_dir": base,
                        "labels": LABELS, "max_steps": STEPS, "threads": 1,
                        "train": {"path": data, "format": "csv", "text_columns": ["text"], "label_column": "label"},
                        "hyperparameters": {"schedule": name, "warmup_steps": warmup, "learning_rate": RATE}}
                    _, log = run_trainer(spec, folder)
                    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
                    schedule = peer(optimizer, warmup, STEPS)
                    self.assertEqual(len(log), STEPS)
                    for line in log:
                        self.assertAlmostEqual(line["learning_rate"], schedule.get_last_lr()[0], delta=1e-12 * RATE)
                        optimizer.step()
                        schedule.step()


def load_tests(loader, _tests, _pattern):
    cases = (SingleLabel, TwoClasses, MultiLabel, Regression, Schedules)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
