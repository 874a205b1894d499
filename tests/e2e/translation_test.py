# SPDX-License-Identifier: Apache-2.0
"""A job of translation travels the way of any other: pairs in, a student and translations out."""
import json
import unittest

from harness.case import EndToEndTest
from harness.stubs import v1
from harness.translation import (DESCRIPTIONS, STUDENT, make_sentences, make_translation_model,
                                 write_pairs)

COLUMNS = ("--label-kind", "text", "--text-column", "translation.small", "--label-column",
           "translation.large")


class Translation(EndToEndTest):
    def setUp(self):
        self.server = self.start_server()
        self.client = self.server.client()

    def model(self, name):
        return self.client.models.GetModel(v1.GetModelRequest(name=name))

    def add_inputs_of_letters(self, rows=120):
        pairs = make_sentences(rows)
        model = make_translation_model(self.server.folder / "tiny")
        train = write_pairs(self.server.folder / "train.jsonl", pairs[:-20])
        self.cli_ok(self.server, "models", "import", model, "--id", "tiny")
        self.cli_ok(self.server, "datasets", "add", train, "--id", "train", *COLUMNS)
        source, target = self.server.folder / "test.small", self.server.folder / "test.large"
        source.write_text("".join(text + "\n" for text, _ in pairs[-20:]))
        target.write_text("".join(text + "\n" for _, text in pairs[-20:]))
        self.cli_ok(self.server, "datasets", "add", source, "--target", target, "--id", "test")
        return [text for text, _ in pairs[-20:]]

    def tune(self, name, *arguments):
        return self.cli_ok(self.server, "submit", "--id", name, "--base", "tiny", "--train", "train",
                           "--watch", "--set", "hyperparameters.batch_size=8", *arguments)

    def test_a_student_is_tuned_measured_and_asked(self):
        sources = self.add_inputs_of_letters()
        self.assertEqual(self.model("models/tiny").model_type, "marian_ssru")
        watched = self.tune("tuned", "--test", "test", "--eval-fraction", "0.2", "--set",
                            "hyperparameters.epochs=30", "--set",
                            "hyperparameters.learning_rate=5e-3")
        job = self.client.job("jobs/tuned")
        self.assertEqual(job.spec.fine_tune.translation.decoding.beam_size, 1)
        self.assertEqual(job.spec.fine_tune.evaluation.best_metric, "chrf")
        for metric in ("loss", "perplexity", "token_accuracy", "bleu", "chrf"):
            self.assertIn(metric, job.final_test.metrics)
        self.assertLess(job.final_test.metrics["loss"], job.base_test.metrics["loss"])
        self.assertGreater(job.final_test.metrics["chrf"], job.base_test.metrics["chrf"])
        self.assertEqual([sample.source for sample in job.final_test.samples], sources[:5])
        self.assertIn("test BLEU", watched.stdout)
        self.assertIn(f"    source     {sources[0]}\n", watched.stdout)
        self.assertEqual(self.model(job.output_model).model_type, "marian_ssru")
        self.check_translations(sources)
        self.check_evaluation(job)
        self.check_folder()

    def check_translations(self, sources):
        """A few at once are what a job over the file says."""
        lines = self.server.folder / "lines"
        self.cli_ok(self.server, "predict", "tuned", "--data", "test", "--output", lines)
        by_job = [json.loads(line)["translation"]
                  for line in (lines / "predictions.jsonl").read_text().splitlines()]
        self.assertEqual(len(by_job), len(sources))
        texts = [part for source in sources for part in ("--text", source)]
        at_once = self.cli_ok(self.server, "predict", "tuned", *texts)
        self.assertEqual(at_once.stdout.splitlines(), by_job)
        beams = self.cli_ok(self.server, "predict", "tuned", "--beam", "4", "--text", sources[0])
        self.assertEqual(len(beams.stdout.splitlines()), 1)

    def check_evaluation(self, job):
        self.cli_ok(self.server, "evaluate", "tuned", "--data", "test", "--id", "again", "--watch")
        again = self.client.job("jobs/again")
        self.assertEqual(again.spec.evaluate.task, "translation")
        for metric in ("loss", "chrf"):
            self.assertAlmostEqual(again.final_test.metrics[metric], job.final_test.metrics[metric],
                                   places=4)
            self.assertAlmostEqual(again.base_test.metrics[metric], job.base_test.metrics[metric],
                                   places=4)

    def check_folder(self):
        """What comes out goes in again, and is the same model."""
        out = self.server.folder / "out"
        self.cli_ok(self.server, "download", "tuned", "--output", out)
        self.assertEqual(json.loads((out / "config.json").read_text())["model_type"], "marian_ssru")
        self.cli_ok(self.server, "models", "import", out, "--id", "back")
        self.cli_ok(self.server, "evaluate", "models/back", "--data", "test", "--id", "back", "--watch")
        back, again = (self.client.job(f"jobs/{name}").final_test for name in ("back", "again"))
        self.assertAlmostEqual(back.metrics["loss"], again.metrics["loss"], places=4)

    def test_every_method_but_a_head(self):
        self.add_inputs_of_letters(60)
        for method, setting in (("lora", "lora.target_modules=all-linear"),
                                ("partial", "partial.top_layers=1")):
            self.tune(method, "--method", method, "--set", setting, "--set",
                      "hyperparameters.max_steps=2")
            model = self.model(self.client.job(f"jobs/{method}").output_model)
            self.assertEqual((model.method, model.model_type), (method, "marian_ssru"))
        refused = self.cli_exits(6, self.server, "submit", "--base", "tiny", "--train", "train",
                                 "--method", "head")
        self.assertIn("a translation model has no head", refused.stderr)

    def test_what_does_not_fit_translation_is_refused_by_name(self):
        self.add_inputs_of_letters(60)
        request = self.job_request(train_dataset="datasets/train")
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.jobs.CreateJob(request)
        self.assertEqual(set(caught[0].violations), {"job.spec.fine_tune.train_dataset",
                                                     "job.spec.fine_tune.base_model"})
        self.assertIn("datasets/train holds translation pairs", caught[0].message)
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.models.Predict(v1.PredictRequest(
                name="models/tiny", rows=[v1.TextRow(texts=["a b", "c d"])]))
        self.assertIn("must hold one text", caught[0].message)
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.models.Predict(v1.PredictRequest(
                name="models/tiny", rows=[v1.TextRow(texts=["a b"])],
                decoding=v1.Decoding(beam_size=33)))
        self.assertIn("decoding.beam_size", caught[0].violations)

    def test_a_row_without_its_translation_is_named(self):
        bad = write_pairs(self.server.folder / "bad.jsonl", [("a b", "A B"), ("c d", " ")])
        refused = self.cli_exits(6, self.server, "datasets", "add", bad, *COLUMNS)
        self.assertIn("bad.jsonl:2:1: the translation is empty", refused.stderr)

    def test_files_that_are_not_aligned_are_named_with_their_lines(self):
        source, target = self.server.folder / "a.en", self.server.folder / "a.pt"
        source.write_text("a\nb\nc\n")
        target.write_text("A\nB\n")
        refused = self.cli_exits(6, self.server, "datasets", "add", source, "--target", target)
        self.assertIn("has 3 lines", refused.stderr)
        self.assertIn("line 3 is the first without a counterpart", refused.stderr)


@unittest.skipUnless(STUDENT.is_dir() and DESCRIPTIONS.is_dir(),
                     "tools/fetch_data.py CACHE translation was not run")
class RealStudent(EndToEndTest):
    def test_a_short_job_makes_package_descriptions_likelier(self):
        server = self.start_server()
        columns = ("--label-kind", "text", "--text-column", "en", "--label-column", "pt")
        self.cli_ok(server, "models", "import", STUDENT, "--id", "enpt")
        for name, rows in (("train", 320), ("test", 40)):
            lines = (DESCRIPTIONS / f"{name}.jsonl").read_text().splitlines(keepends=True)
            part = server.folder / f"{name}.jsonl"
            part.write_text("".join(lines[:rows]))
            self.cli_ok(server, "datasets", "add", part, "--id", name, *columns)
        self.cli_ok(server, "submit", "--id", "short", "--base", "enpt", "--train", "train", "--test",
                    "test", "--watch", "--set", "hyperparameters.epochs=1", seconds=300)
        job = server.client().job("jobs/short")
        before, after = job.base_test.metrics, job.final_test.metrics
        self.assertGreater(before["bleu"], 30)  # it translates as it comes
        self.assertLess(after["loss"], before["loss"])
        self.assertGreater(after["bleu"], 30)
        asked = self.cli_ok(server, "predict", "short", "--text",
                            "This package contains the development files.")
        self.assertIn("pacote", asked.stdout)


if __name__ == "__main__":
    unittest.main()
