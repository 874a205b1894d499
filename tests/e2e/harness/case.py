# SPDX-License-Identifier: Apache-2.0
"""The base of the end-to-end tests: servers that are always cleaned up, and jobs on them."""
import contextlib
import json
import unittest

import grpc

from harness.client import refusal_of
from harness.inputs import make_model, make_reviews
from harness.server import Server, fake_trainer, set_trainer
from harness.stubs import v1
from harness.waiting import wait_for
from harness.watcher import Watcher

MODEL, TRAIN, TEST = "models/tiny", "datasets/train", "datasets/test"


class EndToEndTest(unittest.TestCase):
    def run(self, result=None):
        """Shows what the processes logged when the test fails."""
        result = result or self.defaultTestResult()
        self._logs = []
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"\n==== logs of {self.id()}", *self._logs, sep="\n", flush=True)
        return result

    # ---- servers ----

    def start_server(self, **options):
        server = Server(**options)
        self._own(server)
        return server.start()

    def start_server_with_fake_trainer(self, step_ms=0, **variables):
        server = Server()
        self._own(server)
        server._trainer = fake_trainer(server.folder)
        set_trainer(server.folder, FAKE_STEP_MS=step_ms, **variables)
        return server.start()

    def _own(self, server):
        self.addCleanup(server.destroy)
        self.addCleanup(lambda: self._logs.append(server.log_tail()))

    # ---- inputs and jobs ----

    def add_inputs(self, server, rows=200, test_rows=40):
        """A tiny model and two datasets, through the CLI."""
        model = make_model(server.folder / "tiny")
        train = make_reviews(server.folder / "train.csv", rows, seed=1)
        test = make_reviews(server.folder / "test.csv", test_rows, seed=2)
        self.cli_ok(server, "models", "import", model, "--id", "tiny")
        self.cli_ok(server, "datasets", "add", train, "--id", "train")
        self.cli_ok(server, "datasets", "add", test, "--id", "test")

    def cli_ok(self, server, *arguments, **options):
        return self.cli_exits(0, server, *arguments, **options)

    def cli_exits(self, code, server, *arguments, **options):
        done = server.cli(*arguments, **options)
        self.assertEqual(done.returncode, code,
                         f"attune {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}")
        return done

    def job_file(self, server, **fields):
        """A job as YAML for `attune submit -f`: one thread, so that a busy machine does not make it
        crawl; fields go into the fine-tuning."""
        tune = {"base_model": MODEL, "train_dataset": TRAIN, "text_classification": {}, **fields}
        path = server.folder / "job.yaml"
        path.write_text(json.dumps({"spec": {"fine_tune": tune, "resources": {"threads": 1}}}))
        return path

    def job_request(self, job_id="", priority=0, request_id="", steps=0, **fields):
        """A valid CreateJob; fields go into the fine-tuning."""
        job = v1.Job(priority=priority)
        tune = job.spec.fine_tune
        tune.base_model, tune.train_dataset = MODEL, TRAIN
        tune.text_classification.SetInParent()
        if steps:
            tune.hyperparameters.max_steps = steps
        tune.MergeFrom(v1.FineTune(**fields))
        return v1.CreateJobRequest(job_id=job_id, job=job, request_id=request_id)

    def wait_state(self, client, name, state, seconds=30):
        """The job once it is made and in `state`, a name of Job.State or (state, reason)."""
        state, reason = (state, None) if isinstance(state, str) else state

        def reached():
            job = client.find_job(name)
            there = job and job.state == v1.Job.State.Value(state) and (
                reason is None or job.reason == v1.Job.StateReason.Value(reason))
            return job if there else None
        try:
            return wait_for(reached, f"{name} to be {state} {reason or ''}", seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\nit is: {client.find_job(name)}") from None

    def watch(self, client, name):
        watcher = Watcher(client, name)
        self.addCleanup(watcher.close)
        return watcher

    # ---- what must hold ----

    def assert_every_event_once(self, events, client, name):
        """Dense from 1, nothing after the one final event, and just what the server has stored."""
        self.assertEqual([event.sequence for event in events], list(range(1, len(events) + 1)))
        final = [event.sequence for event in events
                 if event.WhichOneof("payload") == "state"
                 and event.state.state in (v1.Job.SUCCEEDED, v1.Job.FAILED, v1.Job.CANCELLED)]
        self.assertEqual(final, [len(events)])
        self.assertEqual(events, client.events(name))

    @contextlib.contextmanager
    def refused(self, code, reason):
        """The block's call is refused so; yields a list that gets the decoded answer."""
        caught = []
        with self.assertRaises(grpc.RpcError) as raised:
            yield caught
        refusal = refusal_of(raised.exception)
        caught.append(refusal)
        self.assertEqual((refusal.code.name, refusal.reason, refusal.domain),
                         (code, reason, "attune"), refusal.message)
