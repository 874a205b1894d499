# SPDX-License-Identifier: Apache-2.0
"""Every way to tune, and what is done with the result: measured again, used, cloned, exported."""
import csv
import json
import unittest

import peft
import sentence_transformers
import torch
import transformers

from harness.case import EndToEndTest
from harness.inputs import BAD, GOOD, PLAIN, make_sentence_transformer
from harness.stubs import v1

MEASURED = {"trainer_state.json", "metrics.jsonl"}  # files with times, which differ from run to run


class Methods(EndToEndTest):
    def setUp(self):
        self.server = self.start_server()
        self.add_inputs(self.server)
        self.client = self.server.client()

    # ---- methods ----

    def test_lora_leaves_a_merged_model_and_an_adapter_that_agree(self):
        job, model = self.tune("lora", "lora.rank=4", "lora.target_modules=all-linear")
        self.assertEqual(model.method, "lora")
        self.assertEqual((model.model_type, model.architecture, list(model.labels)),
                         ("bert", "BertForSequenceClassification", ["negative", "positive"]))
        self.assertGreater(model.parameters, 0)
        checks = {check.format: check for check in model.export_checks}
        self.assertEqual(set(checks), {"merged", "adapter"})
        for check in checks.values():
            self.assertEqual(check.rows, 8)
            self.assertLessEqual(check.max_difference, 1e-4)
        self.assertGreater(job.memory.peak_bytes, job.memory.estimated_bytes // 2)
        self.assertGreater(job.memory.estimated_bytes, job.memory.peak_bytes // 2)

        merged, adapter = self.server.folder / "merged", self.server.folder / "adapter"
        self.cli_ok(self.server, "export", "lora", "--format", "hf", "--output", merged)
        self.cli_ok(self.server, "export", "lora", "--format", "peft", "--output", adapter)
        by_merged = self.logits(
            transformers.AutoModelForSequenceClassification.from_pretrained(merged))
        base = transformers.AutoModelForSequenceClassification.from_pretrained(
            self.server.folder / "tiny", num_labels=2)
        by_adapter = self.logits(peft.PeftModel.from_pretrained(base, adapter))
        self.assertLessEqual((by_merged - by_adapter).abs().max().item(), 1e-4)

    def test_a_second_head_only_job_starts_with_a_full_cache_and_gives_the_same_bytes(self):
        _, cold = self.tune("head", id="cold")
        kept = self.features()
        self.assertTrue(kept, "nothing was kept")
        _, warm = self.tune("head", id="warm")
        self.assertEqual(self.features(), kept, "something was computed again")
        self.assertEqual(self.digests(cold), self.digests(warm))
        for path in kept:
            path.write_bytes(b"damaged")
        _, again = self.tune("head", id="again")
        self.assertEqual(self.digests(cold), self.digests(again))

    def test_the_top_layers_alone_change(self):
        _, model = self.tune("partial", "partial.top_layers=1")
        folder = self.server.folder / "partial"
        self.cli_ok(self.server, "download", "partial", "--output", folder)
        load = transformers.AutoModelForSequenceClassification.from_pretrained
        before, after = (dict(load(f, num_labels=2).named_parameters())
                         for f in (self.server.folder / "tiny", folder))
        changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
        self.assertTrue(any(name.startswith("bert.encoder.layer.1.") for name in changed), changed)
        self.assertFalse([name for name in changed if name.startswith(("bert.embeddings.",
                                                                       "bert.encoder.layer.0."))])

    def test_a_frozen_sentence_transformer_is_classified_by_the_mean_of_its_tokens(self):
        self.cli_ok(self.server, "models", "import",
                    make_sentence_transformer(self.server.folder / "mean"), "--id", "mean")
        job, model = self.tune("head", "hyperparameters.epochs=10",
                               "hyperparameters.learning_rate=0.05", id="pooled", base="mean")
        said = "The head sits on the mean of all tokens, as the base's 1_Pooling says."
        self.assertIn(said, self.cli_ok(self.server, "events", "pooled").stdout)
        self.assertEqual(json.loads(job.validation_report_json)["pooling"], "mean")
        self.assertGreater(job.final_test.metrics["auc"], 0.8)
        self.assertEqual(model.architecture, "BertModel")
        self.assertEqual([check.format for check in model.export_checks], ["merged"])

        folder = self.server.folder / "downloaded"
        self.cli_ok(self.server, "download", "pooled", "--output", folder)
        texts = ["a great movie so lovely .", "a bad film so dull ."]
        logits = sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode(texts)
        # What was downloaded is a model like any other, and says the same of a text.
        self.cli_ok(self.server, "models", "import", folder, "--id", "again")
        expected = torch.softmax(torch.tensor(logits), -1).tolist()
        for name in ("pooled", "again"):
            done = self.cli_ok(self.server, "-o", "json", "predict", name, "--text", texts[0],
                               "--text", texts[1])
            rows = json.loads(done.stdout)["rows"]
            for row, (negative, positive) in zip(rows, expected, strict=True):
                self.assertAlmostEqual(row["scores"]["negative"], negative, places=4)
                self.assertAlmostEqual(row["scores"]["positive"], positive, places=4)
        self.cli_ok(self.server, "evaluate", "again", "--data", "test", "--id", "measured", "--watch")
        measured = self.client.job("jobs/measured")
        self.assertEqual(measured.state, v1.Job.SUCCEEDED, measured.failure)
        self.assertEqual(dict(measured.final_test.metrics), dict(job.final_test.metrics))

    # ---- what is done with a model ----

    def test_a_model_is_measured_used_and_cloned(self):
        job, _ = self.tune("full", "hyperparameters.schedule=SCHEDULE_COSINE", test="test")
        self.cli_ok(self.server, "evaluate", "full", "--data", "test", "--id", "again", "--watch")
        again = self.client.job("jobs/again")
        self.assertEqual(again.state, v1.Job.SUCCEEDED, again.failure)
        self.assertEqual(dict(again.final_test.metrics), dict(job.final_test.metrics))
        self.assertEqual(again.base_test.metrics["accuracy"], job.base_test.metrics["accuracy"])
        self.assertEqual(again.output_model, "")

        rows = self.server.folder / "new.csv"
        rows.write_text("text\na great movie so lovely .\na bad film so dull .\n")
        out = self.server.folder / "predicted"
        self.cli_ok(self.server, "predict", "full", "--data", rows, "--output", out)
        lines = [json.loads(l) for l in (out / "predictions.jsonl").read_text().splitlines()]
        self.assertEqual([(l["line"], l["label"]) for l in lines],
                         [(2, "positive"), (3, "negative")])
        self.assertAlmostEqual(sum(lines[0]["scores"].values()), 1, places=5)

        self.cli_ok(self.server, "submit", "--from", "full", "--method", "head", "--id", "clone",
                    "--watch")
        clone = self.client.job("jobs/clone")
        self.assertEqual(clone.state, v1.Job.SUCCEEDED, clone.failure)
        self.assertTrue(clone.spec.fine_tune.HasField("head"))
        self.assertEqual(clone.spec.fine_tune.hyperparameters.schedule,
                         v1.Schedule.Value("SCHEDULE_COSINE"))

    def test_a_job_starts_with_the_weights_of_an_earlier_ones_checkpoint(self):
        first, _ = self.tune("lora", id="first")
        self.cli_ok(self.server, "submit", "--from", "first", "--checkpoint", "best", "--id",
                    "second", "--set", "hyperparameters.max_steps=2", "--watch")
        second = self.client.job("jobs/second")
        self.assertEqual(second.state, v1.Job.SUCCEEDED, second.failure)
        start = second.spec.fine_tune.start_checkpoint
        self.assertEqual(start.job, "jobs/first")
        self.assertGreater(start.step, 0)
        self.assertIn("weights.safetensors", [file.path for file in start.files])
        self.assertEqual(second.committed_step, 2)
        # The best weights of the first job are where the second one began.
        self.assertEqual(dict(second.base_test.metrics), dict(first.final_test.metrics))
        self.assertNotEqual(dict(second.base_test.metrics), dict(first.base_test.metrics))

        refused = self.server.cli("submit", "--from", "first", "--checkpoint", "newest", "--set",
                                  "lora.rank=2")
        self.assertNotEqual(refused.returncode, 0)
        self.assertRegex(refused.stderr, r"lora\.rank: must be that of jobs/first.*: 8; got 2")

    def test_a_file_is_checked_for_a_base_without_a_job(self):
        done = self.cli_ok(self.server, "datasets", "check", self.server.folder / "train.csv",
                           "--base", "tiny", "--max-length", "8")
        self.assertRegex(done.stdout, r"(?i)cut|truncat")
        self.assertRegex(done.stdout, r"(?i)memory .*[MG]iB")
        self.assertEqual(self.client.list_jobs(), [])

    # ---- other labels ----

    def test_several_labels_a_row(self):
        self.write("multi.csv", [(" ".join(words), "|".join(labels)) for words, labels in [
            ([g, "film"], ["praise"]) for g in GOOD] + [
            ([b, "plot"], ["blame"]) for b in BAD] + [
            ([g, b], ["blame", "praise"]) for g, b in zip(GOOD, BAD)] + [
            ([p, "the"], []) for p in PLAIN[:10]]])
        job, model = self.tune("full", "evaluation.best_metric=micro_f1", id="multi",
                               data="multi.csv", test=None, more=("--label-kind", "multi"))
        self.assertEqual(list(model.labels), ["blame", "praise"])
        config = self.downloaded_config("multi")
        self.assertEqual(config["problem_type"], "multi_label_classification")

    def test_numbers(self):
        self.write("numbers.csv", [(f"{word} film", value) for word, value in
                                   [(g, 1.0) for g in GOOD] + [(b, -1.0) for b in BAD]])
        job, _ = self.tune("full", "evaluation.best_metric=rmse", id="numbers",
                           data="numbers.csv", test=None, more=("--label-kind", "number"))
        config = self.downloaded_config("numbers")
        self.assertEqual(config["problem_type"], "regression")
        self.assertEqual(len(config["id2label"]), 1)

    # ---- how ----

    def tune(self, method, *settings, id=None, base="tiny", data="train", test="test", more=()):
        """Submits, waits, and returns the job and its model."""
        id = id or method
        data = data if data == "train" else self.server.folder / data
        arguments = ["submit", "--id", id, "--base", base, "--train", data, "--method", method,
                     "--eval-fraction", "0.2", *more]
        if test:
            arguments += ["--test", test]
        for setting in ("hyperparameters.epochs=4", "hyperparameters.learning_rate=3e-3",
                        *settings):
            arguments += ["--set", setting]
        self.cli_ok(self.server, *arguments, "--watch")
        job = self.client.job(f"jobs/{id}")
        self.assertEqual(job.state, v1.Job.SUCCEEDED, job.failure)
        model = self.client.models.GetModel(v1.GetModelRequest(name=job.output_model))
        return job, model

    def write(self, name, rows):
        with open(self.server.folder / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])

    def features(self):
        folder = self.server.data / "workers" / "local" / "features"
        return {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}

    def downloaded_config(self, id):
        folder = self.server.folder / f"{id}-model"
        self.cli_ok(self.server, "download", id, "--output", folder)
        transformers.AutoModelForSequenceClassification.from_pretrained(folder)
        return json.loads((folder / "config.json").read_text())

    def logits(self, model):
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.server.folder / "tiny")
        texts = ["a great movie .", "so dull , the plot is bad .", "the film"]
        batch = tokenizer(texts, padding=True, return_tensors="pt")
        with torch.no_grad():
            return model.eval()(**batch).logits

    @staticmethod
    def digests(model):
        return {f.path: f.sha256 for f in model.files if f.path not in MEASURED
                and f.path != "README.md" and not f.path.startswith("events.")}


if __name__ == "__main__":
    unittest.main()
