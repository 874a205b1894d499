# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping: exit codes, what a stopping server says, and workers that are kept.
That a stopped job goes on with the same weights is in interruptions_test.py."""
import signal
import subprocess
import unittest

import grpc

from harness.case import EndToEndTest
from harness.server import set_trainer
from harness.stubs import health, health_grpc, v1
from harness.waiting import wait_for

FOREVER_MS = 600_000


class Drain(EndToEndTest):
    def setUp(self):
        self.server = self.start_server_with_fake_trainer(step_ms=20)
        self.client = self.server.client()

    def running(self, **options):
        self.add_inputs(self.server, rows=20, test_rows=4)
        name = self.client.jobs.CreateJob(self.job_request("job", **options)).name
        self.wait_state(self.client, name, ("RUNNING", "TRAINING"))
        return name

    def test_an_idle_server_and_its_worker_end_with_0(self):
        worker = self.server.agent()
        self.assertEqual(self.server.terminate(), 0)
        self.assertFalse(worker.alive())

    def test_admin_stop_waits_until_the_server_is_gone(self):
        worker = self.server.agent()
        done = self.cli_ok(self.server, "admin", "stop", seconds=4)  # calls in flight have 5 s
        self.assertIn(self.server.address, done.stdout)
        self.assertEqual(self.server.attuned.wait(5), 0)
        self.assertFalse(worker.alive())

    def test_a_second_server_on_the_same_folder_exits_with_75_and_says_why(self):
        second = subprocess.run(self.server.command(), capture_output=True, text=True, timeout=20)
        self.assertEqual(second.returncode, 75, second.stderr)
        self.assertIn("in use by another attuned", second.stderr)
        self.assertIn("--data-dir", second.stderr)
        self.assertEqual(self.server.http("/readyz")[0], 200)

    def test_a_setting_that_cannot_be_is_78(self):
        (self.server.folder / "bad.yaml").write_text("port: 7000\nlease-tll-seconds: 3\n")
        bad = subprocess.run(
            [*self.server.command(), "--config", str(self.server.folder / "bad.yaml")],
            capture_output=True, text=True, timeout=20)
        self.assertEqual(bad.returncode, 78, bad.stderr)
        self.assertIn("bad.yaml:2", bad.stderr)

    def test_a_stopped_job_checkpoints_and_goes_on_from_there(self):
        name = self.running(steps=200)
        wait_for(lambda: self.client.job(name).progress.step > 5, "some steps")
        watcher = self.watch(self.client, name)
        self.assertEqual(self.server.terminate(), 0)
        self.assertEqual(self.server.trainers(), [])
        set_trainer(self.server.folder, FAKE_STEP_MS=0)
        self.server.start()
        self.assert_every_event_once(watcher.join(), self.client, name)
        self.assertGreater(watcher.reconnects, 0)
        job = self.client.job(name)
        self.assertEqual((job.state, job.attempt_count), (v1.Job.SUCCEEDED, 2))
        self.assertGreater(self.client.attempts(name)[1].start_step, 5)
        # Every step once: none lost, none redone.
        self.assertEqual([m.step for m in self.client.metrics(name)], list(range(1, 201)))

    def test_kept_workers_train_on_and_are_adopted(self):
        name = self.running(steps=100)
        worker, [trainer] = self.server.agent(), self.server.trainers()
        self.cli_ok(self.server, "admin", "stop", "--keep-workers")
        self.assertTrue(worker.alive() and trainer.alive())
        self.server.start()
        self.assertEqual(self.server.agent(), worker)
        job = self.wait_state(self.client, name, "SUCCEEDED")
        self.assertEqual(job.attempt_count, 1)

    def test_a_draining_server_says_so_and_a_second_signal_ends_it_at_once(self):
        # A trainer that does not stop holds the drain up for as long as it may.
        set_trainer(self.server.folder, FAKE_STEP_MS=FOREVER_MS, FAKE_IGNORE_STOP=1)
        self.running()
        stub = health_grpc.HealthStub(self.client.channel)
        states = stub.Watch(health.HealthCheckRequest())
        self.assertEqual(next(states).status, health.HealthCheckResponse.SERVING)
        self.server.attuned.send_signal(signal.SIGTERM)
        self.assertEqual(next(states).status, health.HealthCheckResponse.NOT_SERVING)
        wait_for(lambda: self.server.http("/readyz")[0] == 503, "/readyz to say 503")
        self.assertEqual(self.server.http("/healthz")[0], 200)
        self.assertIsNone(self.server.attuned.poll())
        self.server.attuned.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.attuned.wait(2), -signal.SIGTERM)

    def test_a_watch_ends_with_unavailable_when_the_server_stops(self):
        self.server.kill()
        server = self.start_server(worker="none")
        self.add_inputs(server, rows=20, test_rows=4)
        client = server.client()
        name = client.jobs.CreateJob(self.job_request("waits")).name
        self.wait_state(client, name, "QUEUED")
        stream = client.jobs.WatchJob(v1.WatchJobRequest(name=name))
        next(stream)
        self.assertEqual(server.terminate(), 0)
        with self.assertRaises(grpc.RpcError) as ended:
            list(stream)
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
