# SPDX-License-Identifier: Apache-2.0
"""A job on images travels the way of any other: folders in, a timm folder and predictions out."""
import json
import random
import unittest

from harness.case import EndToEndTest
from harness.images import COLOURS, draw, make_image_model, make_pictures
from harness.stubs import v1


class Images(EndToEndTest):
    def setUp(self):
        self.server = self.start_server()
        self.client = self.server.client()
        self.pictures = make_pictures(self.server.folder / "pictures", each=20, seed=1)
        self.model = make_image_model(self.server.folder / "net")

    def add_images(self):
        test = make_pictures(self.server.folder / "test", each=8, seed=2)
        self.cli_ok(self.server, "models", "import", self.model, "--id", "net")
        self.cli_ok(self.server, "datasets", "add", self.pictures, "--id", "pictures")
        self.cli_ok(self.server, "datasets", "add", test, "--id", "pictures-test")

    def tune(self, name, *arguments):
        self.cli_ok(self.server, "submit", "--id", name, "--base", "net", "--train", "pictures",
                    "--watch", "--set", "hyperparameters.batch_size=8", *arguments)
        return self.client.job(f"jobs/{name}")

    def test_a_head_is_tuned_measured_and_asked(self):
        self.add_images()
        job = self.tune("tuned", "--test", "pictures-test", "--method", "head", "--eval-fraction", "0.2")
        self.assertTrue(job.spec.fine_tune.HasField("image_classification"))
        self.assertEqual(job.spec.fine_tune.image_classification.batch_norms,
                         v1.BATCH_NORMS_FIXED_STATISTICS)
        self.assertEqual(job.spec.fine_tune.hyperparameters.epochs, 5)
        self.assertGreaterEqual(job.final_test.metrics["accuracy"], 0.9)
        model = self.client.models.GetModel(v1.GetModelRequest(name=job.output_model))
        self.assertEqual((model.model_type, model.architecture, list(model.labels)),
                         ("efficientnet_lite", "tf_efficientnet_lite0", sorted(COLOURS)))
        out = self.server.folder / "out"
        self.cli_ok(self.server, "download", "tuned", "--output", out)
        config = json.loads((out / "config.json").read_text())
        self.assertEqual((config["num_classes"], config["label_names"]), (3, sorted(COLOURS)))
        self.check_predictions()
        self.check_evaluation(job)

    def check_predictions(self):
        """A few at once say what a job over the folder says."""
        asked = self.server.folder / "asked"
        files = [draw(asked / f"{colour}.png", colour, random.Random(3)) for colour in COLOURS]
        images = [part for file in files for part in ("--image", file)]
        done = self.cli_ok(self.server, "-o", "json", "predict", "tuned", *images)
        rows = json.loads(done.stdout)["rows"]
        self.assertEqual([row["label"] for row in rows], list(COLOURS))
        lines = self.server.folder / "lines"
        self.cli_ok(self.server, "predict", "tuned", "--data", asked, "--output", lines)
        by_job = [json.loads(line)
                  for line in (lines / "predictions.jsonl").read_text().splitlines()]
        self.assertEqual([line["label"] for line in by_job], list(COLOURS))
        for row, line in zip(rows, by_job):
            for label, score in line["scores"].items():
                self.assertAlmostEqual(row["scores"][label], score, places=4)

    def check_evaluation(self, job):
        self.cli_ok(self.server, "evaluate", "tuned", "--data", "pictures-test", "--id", "again", "--watch")
        again = self.client.job("jobs/again")
        self.assertEqual(again.spec.evaluate.task, "image_classification")
        self.assertAlmostEqual(again.final_test.metrics["loss"], job.final_test.metrics["loss"],
                               places=5)

    def test_the_same_folder_is_sent_once(self):
        self.cli_ok(self.server, "datasets", "add", self.pictures)
        again = self.cli_ok(self.server, "datasets", "add", self.pictures)
        self.assertIn("is already there", again.stderr)

    def test_a_broken_image_is_named(self):
        (self.pictures / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
        refused = self.cli_exits(6, self.server, "datasets", "add", self.pictures)
        self.assertIn("red/broken.png", refused.stderr)

    def test_what_does_not_fit_images_is_refused_by_name(self):
        self.add_images()
        self.add_inputs(self.server, rows=20, test_rows=20)
        request = self.job_request(image_classification=v1.ImageClassification())
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.jobs.CreateJob(request)
        self.assertIn("datasets/train holds texts", caught[0].message)
        request = self.job_request(lora=v1.LoraTuning(),
                                   image_classification=v1.ImageClassification())
        request.job.spec.fine_tune.base_model = "models/net"
        request.job.spec.fine_tune.train_dataset = "datasets/pictures"
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.jobs.CreateJob(request)
        self.assertIn("job.spec.fine_tune.lora", caught[0].message)

    def test_texts_are_not_asked_of_a_model_of_images(self):
        self.add_images()
        model = self.tune("tuned", "--method", "head", "--set", "hyperparameters.max_steps=1")
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.models.Predict(v1.PredictRequest(
                name=model.output_model, rows=[v1.TextRow(texts=["a fine film"])]))
        self.assertIn("reads images", caught[0].message)


if __name__ == "__main__":
    unittest.main()
