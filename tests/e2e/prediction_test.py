# SPDX-License-Identifier: Apache-2.0
"""A few rows at once: a worker predicts them beside its jobs, as a job would."""
import json
import time
import unittest

from harness.case import EndToEndTest
from harness.stubs import v1

TEXTS = ["a great movie so lovely .", "a bad film so dull .", "the plot is quite long .",
         "rather awful and tedious , but its ending is superb !"]


class Predictions(EndToEndTest):
    def setUp(self):
        self.server = self.start_server()
        self.add_inputs(self.server)
        self.client = self.server.client()

    def tune(self, *settings):
        arguments = [part for setting in settings for part in ("--set", f"hyperparameters.{setting}")]
        self.cli_ok(self.server, "submit", "--id", "tuned", "--base", "tiny", "--train", "train",
                    "--watch", *arguments)
        self.model = self.client.job("jobs/tuned").output_model

    def predict(self, texts, **fields):
        rows = [v1.TextRow(texts=[text]) for text in texts]
        request = v1.PredictRequest(**{"name": self.model, "rows": rows, **fields})
        begin = time.monotonic()
        response = self.client.models.Predict(request)
        return response.rows, time.monotonic() - begin

    def by_job(self, texts):
        rows, out = self.server.folder / "new.csv", self.server.folder / "predicted"
        rows.write_text("text\n" + "".join(f'"{text}"\n' for text in texts))
        self.cli_ok(self.server, "predict", "tuned", "--data", rows, "--output", out)
        return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]

    def test_rows_are_predicted_as_a_job_predicts_them(self):
        self.tune("epochs=4", "learning_rate=3e-3")
        rows, _ = self.predict(TEXTS)
        expected = self.by_job(TEXTS)
        self.assertEqual([row.label for row in rows], [line["label"] for line in expected])
        self.assertEqual(rows[0].label, "positive")
        self.assertEqual(rows[1].label, "negative")
        for row, line in zip(rows, expected):
            self.assertEqual(set(row.scores), set(line["scores"]))
            for label, score in line["scores"].items():
                self.assertAlmostEqual(row.scores[label], score, places=5)

        done = self.cli_ok(self.server, "-o", "json", "predict", "tuned", "--text", TEXTS[0],
                           "--text", TEXTS[1])
        shown = json.loads(done.stdout)["rows"]
        self.assertEqual([row["label"] for row in shown], ["positive", "negative"])

    def test_a_warm_predictor_answers_sooner_and_beside_a_job(self):
        self.tune("max_steps=1")
        self.client.jobs.CreateJob(self.job_request("long", steps=1_000_000))
        self.wait_state(self.client, "jobs/long", ("RUNNING", "TRAINING"))
        cold_rows, cold = self.predict(TEXTS)
        warm_rows, warm = self.predict(TEXTS)
        self.assertLess(warm, cold)
        self.assertEqual(list(cold_rows), list(warm_rows))
        self.assertEqual(self.client.job("jobs/long").state, v1.Job.RUNNING)
        self.client.jobs.CancelJob(v1.CancelJobRequest(name="jobs/long"))
        self.wait_state(self.client, "jobs/long", "CANCELLED")

    def test_what_cannot_be_predicted_is_refused(self):
        self.model = "models/tiny"  # has no classifier
        with self.refused("NOT_FOUND", "RESOURCE_NOT_FOUND"):
            self.predict(TEXTS, name="models/none")
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.predict(TEXTS * 9)
        self.assertIn("32", caught[0].message)
        with self.refused("FAILED_PRECONDITION", "INVALID_MODEL"):
            self.predict(TEXTS)

    def test_the_predictor_ends_with_its_worker(self):
        self.tune("max_steps=1")
        self.predict(TEXTS)
        (predictor,) = self.server.agent().children()
        self.server.terminate()
        predictor.wait_gone()

    def test_the_predictor_ends_with_its_agent_that_is_killed(self):
        self.tune("max_steps=1")
        self.predict(TEXTS)
        agent = self.server.agent()
        (predictor,) = agent.children()
        agent.kill()
        predictor.wait_gone()


if __name__ == "__main__":
    unittest.main()
