# SPDX-License-Identifier: Apache-2.0
"""One job from `attune submit` to a model that transformers loads, and all that is seen of it."""
import csv
import json
import os
import re
import shutil
import subprocess
import unittest

import grpc
from google.protobuf import descriptor_pb2

from harness.case import TEST, EndToEndTest
from harness.stubs import health, health_grpc, reflection, reflection_grpc, v1
from harness.waiting import wait_for


def predictions(folder, texts):
    """What transformers' own model and tokenizer say, as label names."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
    import torch  # takes seconds, and only this test needs it
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits for text in texts]
    return [model.config.id2label[int(row.argmax())] for row in logits]


class Spine(EndToEndTest):
    def test_a_job_goes_from_submit_to_a_model_that_transformers_loads(self):
        server = self.start_server()
        self.add_inputs(server, rows=300, test_rows=60)
        client = server.client()
        job_file = self.job_file(server, test_dataset=TEST, eval_fraction=0.1, hyperparameters={
            "epochs": 20, "batch_size": 8, "learning_rate": 1e-3})
        submit = server.cli_start("submit", "--watch", "--id", "spine", "-f", job_file)
        self.addCleanup(submit.kill)
        self.during_the_job(server, client)
        out, err = submit.communicate(timeout=90)
        self.assertEqual(submit.returncode, 0, out + err)

        job = client.job("jobs/spine")
        self.assertEqual(job.state, v1.Job.SUCCEEDED)
        self.what_submit_printed(out, job)
        self.what_is_stored(client, job)
        self.what_was_downloaded(server, job)
        self.gauges_of_the_job_are_gone(server)

    def during_the_job(self, server, client):
        self.wait_state(client, "jobs/spine", ("RUNNING", "TRAINING"))
        wait_for(lambda: client.job("jobs/spine").progress.step > 0, "the first step")
        text = server.metrics_text()
        self.assertEqual(client.job("jobs/spine").state, v1.Job.RUNNING, "the job was too short")
        promtool = shutil.which("promtool")
        self.assertIsNotNone(promtool, "promtool is not installed: run tools/setup.sh")
        check = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                               capture_output=True)
        self.assertEqual((check.returncode, check.stdout + check.stderr), (0, ""))
        for name in ("attune_job_info", "attune_job_step", "attune_job_progress_ratio",
                     "attune_job_train_loss", "attune_job_learning_rate",
                     "attune_job_last_step_timestamp_seconds"):
            self.assertRegex(text, rf'(?m)^{name}\{{[^}}]*job="(jobs/)?spine"')
        self.assertRegex(text, r'(?m)^attune_jobs\{state="RUNNING"\} 1$')
        self.assertRegex(text, r'(?m)^attune_slots_in_use\{[^}]*\} 1$')

    def what_submit_printed(self, out, job):
        self.assertRegex(out, r"(?m)^Submitted jobs/spine: (queued, position 1|running.*)$")
        self.assertRegex(out, r"(?m)^ step \d+/\d+  epoch \d+\.\d\d/\d+  loss \S+  lr \S+  .*ETA ")
        self.assertRegex(out, r"(?m)^ eval at step \d+: accuracy ")
        self.assertRegex(out, r"(?m)^jobs/spine SUCCEEDED in ")
        self.assertRegex(out, r"(?m)^  test accuracy \d\.\d+ on 60 rows never trained on"
                              r" \(untuned \d\.\d+, majority 0\.50\), macro F1 \d\.\d+, AUC \d\.\d+$")
        self.assertIn(f"  model    {job.output_model}\n", out)
        self.assertNotIn("\r", out)

    def what_is_stored(self, client, job):
        self.assertEqual((job.attempt_count, job.output_model), (1, "models/spine"))
        self.assertEqual(job.progress.step, job.progress.total_steps)
        self.assertGreater(job.final_test.metrics["accuracy"], 0.9)
        self.assertGreater(job.final_test.metrics["accuracy"], job.base_test.metrics["accuracy"])
        events = self.watch(client, job.name).join()
        self.assert_every_event_once(events, client, job.name)
        kinds = {event.WhichOneof("payload") for event in events}
        self.assertLessEqual({"state", "evaluation", "checkpoint"}, kinds)
        self.assertEqual([metrics.step for metrics in client.metrics(job.name)][-1],
                         job.progress.total_steps)

    def what_was_downloaded(self, server, job):
        folder = server.folder / "out"
        self.cli_ok(server, "download", "spine", "--output", folder)
        names = {path.name for path in folder.iterdir()}
        self.assertLessEqual({"config.json", "model.safetensors", "vocab.txt", "README.md",
                              "trainer_state.json", "metrics.jsonl"}, names)
        self.assertEqual(json.loads((folder / "config.json").read_text())["id2label"],
                         {"0": "negative", "1": "positive"})
        with open(server.folder / "test.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        answers = predictions(folder, [row["text"] for row in rows])
        right = sum(row["label"] == answer for row, answer in zip(rows, answers))
        self.assertAlmostEqual(right / len(rows), job.final_test.metrics["accuracy"], places=6)

    def gauges_of_the_job_are_gone(self, server):
        text = server.metrics_text()
        self.assertNotIn("spine", text)
        self.assertRegex(text, r'(?m)^attune_jobs\{state="SUCCEEDED"\} 1$')
        finished = re.findall(
            r'(?m)^attune_jobs_finished_total\{[^}]*result="(\w+)"[^}]*\} (\d+)$', text)
        self.assertEqual(sorted(finished),
                         [("cancelled", "0"), ("failed", "0"), ("succeeded", "1")])


class PublicFace(EndToEndTest):
    SERVICES = {f"attune.v1.{noun}Service"
                for noun in ("Job", "Worker", "Blob", "Dataset", "Model", "Admin")}

    def test_health_is_serving_for_the_whole_and_for_each_service(self):
        server = self.start_server(worker="none")
        stub = health_grpc.HealthStub(server.client(token=None).channel)
        for service in {"", *self.SERVICES}:
            answer = stub.Check(health.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, health.HealthCheckResponse.SERVING, service)
        with self.assertRaises(grpc.RpcError) as unknown:
            stub.Check(health.HealthCheckRequest(service="attune.v1.NoService"))
        self.assertEqual(unknown.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(server.http("/healthz")[0], 200)

    def test_reflection_lists_and_describes_every_service(self):
        server = self.start_server(worker="none", port=0)
        stub = reflection_grpc.ServerReflectionStub(server.client().channel)
        ask = [reflection.ServerReflectionRequest(list_services="*")]
        [answer] = list(stub.ServerReflectionInfo(iter(ask)))
        listed = {service.name for service in answer.list_services_response.service}
        self.assertLessEqual(self.SERVICES | {"grpc.health.v1.Health"}, listed)
        for name in sorted(listed):
            ask = [reflection.ServerReflectionRequest(file_containing_symbol=name)]
            [answer] = list(stub.ServerReflectionInfo(iter(ask)))
            files = answer.file_descriptor_response.file_descriptor_proto
            packages = {descriptor_pb2.FileDescriptorProto.FromString(file).package
                        for file in files}
            self.assertIn(name.rpartition(".")[0], packages, answer.error_response.error_message)


if __name__ == "__main__":
    unittest.main()
