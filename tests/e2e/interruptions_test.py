# SPDX-License-Identifier: Apache-2.0
"""A real job whose client, server, worker or trainer is killed, or whose server is stopped, in the
middle: it ends once, with the weights of a run that nobody disturbed."""
import json
import unittest

from harness.case import EndToEndTest
from harness.stubs import v1
from harness.waiting import wait_for

JOB = "jobs/victim"
STEPS, CHECKPOINT_EVERY = 600, 20
# Files of the model that hold times or rates, which differ from run to run.
MEASURED = {"trainer_state.json", "metrics.jsonl"}


class Interruptions(EndToEndTest):
    reference = None  # {path: sha256} of the model of an undisturbed run

    def setUp(self):
        self.server = self.start_server()
        self.add_inputs(self.server)
        self.client = self.server.client()

    def test_the_client_is_killed(self):
        submit = self.server.cli_start("submit", "--watch", "-o", "jsonl", "--id", "victim",
                                       "-f", self.job_file_for(self.server))
        self.addCleanup(submit.kill)
        self.wait_state(self.client, JOB, "RUNNING")
        watcher = self.watch(self.client, JOB)
        self.at_half_way()
        submit.kill()
        before, _ = submit.communicate()
        seen = self.sequences(before)
        self.assertEqual(seen, list(range(1, len(seen) + 1)))
        after = self.cli_ok(self.server, "watch", "victim", "-o", "jsonl", "--after", seen[-1])
        events = self.ends_as_undisturbed(watcher, attempts=1)
        self.assertEqual(seen + self.sequences(after.stdout), [e.sequence for e in events])

    def test_the_server_is_killed(self):
        watcher = self.submit()
        worker = self.server.agent()
        self.at_half_way()
        self.server.kill()
        self.server.start()
        events = self.ends_as_undisturbed(watcher, attempts=1)
        self.assertGreater(watcher.reconnects, 0)
        self.assertEqual(self.server.agent(), worker, "the worker should have been adopted")
        self.assertEqual({event.attempt for event in events} - {0}, {1})

    def test_the_worker_is_killed(self):
        watcher = self.submit()
        worker = self.server.agent()
        committed = self.at_half_way()
        [trainer] = self.server.trainers()
        worker.kill()
        trainer.wait_gone()
        events = self.ends_as_undisturbed(watcher, attempts=2)
        self.second_attempt_went_on_from_the_last_checkpoint(events, committed)

    def test_the_trainer_is_killed(self):
        watcher = self.submit()
        worker = self.server.agent()
        committed = self.at_half_way()
        [trainer] = self.server.trainers()
        trainer.kill()
        events = self.ends_as_undisturbed(watcher, attempts=2)
        self.second_attempt_went_on_from_the_last_checkpoint(events, committed)
        self.assertEqual(self.server.agent(), worker, "only the trainer died")

    def test_a_stopped_server_lets_the_job_go_on_without_a_step_redone(self):
        watcher = self.submit()
        committed = self.at_half_way()
        self.assertEqual(self.server.terminate(), 0)
        self.assertEqual(self.server.trainers(), [])
        self.server.start()
        events = self.ends_as_undisturbed(watcher, attempts=2)
        self.second_attempt_went_on_from_the_last_checkpoint(events, committed)
        self.assertIn((v1.Job.QUEUED, v1.Job.DRAINED),
                      [(e.state.state, e.state.reason) for e in events if e.HasField("state")])
        [first, second] = self.client.attempts(JOB)
        self.assertEqual(first.state, v1.Attempt.STOPPED)
        self.assertEqual(first.end_message, f"stopped at step {second.start_step}")
        for metrics in self.client.metrics(JOB):
            self.assertEqual(metrics.attempt, 1 if metrics.step <= second.start_step else 2)

    def test_a_checkpoint_rots_on_the_servers_disk(self):
        watcher = self.submit()
        self.at_half_way()
        [trainer] = self.server.trainers()
        trainer.kill()
        self.wait_state(self.client, JOB, "QUEUED")  # until its backoff is over
        kept = self.client.jobs.ListCheckpoints(
            v1.ListCheckpointsRequest(name=JOB)).checkpoints
        before, newest = [c.step for c in kept][-2:]
        [weights] = [f for f in kept[-1].files if f.path == "weights.safetensors"]
        self.server.flip_a_byte_of_blob(weights.sha256)

        events = self.ends_as_undisturbed(watcher, attempts=3, redone_from=before)
        [damage] = [e.checkpoint_damage for e in events if e.HasField("checkpoint_damage")]
        self.assertEqual((damage.step, damage.fallback_step), (newest, before))
        self.assertIn("weights.safetensors", damage.message)
        starts = [attempt.start_step for attempt in self.client.attempts(JOB)]
        self.assertEqual(starts, [0, newest, before])
        damaged = self.server.data / "blobs" / "damaged" / weights.sha256
        self.assertTrue(damaged.exists(), "the damaged file is kept to be looked into")

    # ---- the job ----

    def job_file_for(self, server):
        return self.job_file(server, checkpoints={"every_steps": CHECKPOINT_EVERY},
                             hyperparameters={"max_steps": STEPS, "epochs": 1000, "dropout": 0.1,
                                              "learning_rate": 1e-3})

    def submit(self, server=None, client=None):
        server = server or self.server
        self.cli_ok(server, "submit", "--id", "victim", "-f", self.job_file_for(server))
        return self.watch(client or self.client, JOB)

    def at_half_way(self):
        """The committed step, some checkpoints after the first and long before the last."""
        def committed():
            job = self.client.job(JOB)
            self.assertEqual(job.state, v1.Job.State.Value("RUNNING"), job)
            return job.committed_step
        self.wait_state(self.client, JOB, "RUNNING")
        step = wait_for(lambda: committed() >= STEPS // 4 and committed(), "a quarter of it", 60)
        self.assertLess(step, STEPS - CHECKPOINT_EVERY, "the job was too quick")
        return step

    @staticmethod
    def sequences(lines):
        """Of the events among complete lines of JSON."""
        whole = lines[:lines.rfind("\n") + 1].splitlines()
        return [int(update["event"]["sequence"]) for update in map(json.loads, whole)
                if "event" in update]

    # ---- how it must end ----

    def ends_as_undisturbed(self, watcher, attempts, redone_from=None):
        """redone_from: the one checkpoint after this step is made a second time."""
        events = watcher.join()
        self.assert_every_event_once(events, self.client, JOB)
        job = self.client.job(JOB)
        self.assertEqual(job.state, v1.Job.SUCCEEDED, job.failure)
        self.assertEqual(job.attempt_count, attempts)
        steps = [e.checkpoint.step for e in events if e.HasField("checkpoint")]
        once = sorted(set(steps))
        again = once.index(redone_from) + 1 if redone_from else len(once)
        self.assertEqual(steps, once[:again + 1] + once[again:], "a checkpoint was registered twice")
        self.assertEqual(self.digests(self.client, job), self.undisturbed())
        return events

    def second_attempt_went_on_from_the_last_checkpoint(self, events, committed):
        [first, second] = self.client.attempts(JOB)
        last = [event.checkpoint.step for event in events
                if event.HasField("checkpoint") and event.attempt == 1][-1]
        self.assertGreaterEqual(last, committed)
        self.assertLess(last, STEPS)
        self.assertEqual(second.start_step, last)
        self.assertGreater(second.fence, first.fence)

    def undisturbed(self):
        """Computed once for all tests, on a server of its own with the same inputs."""
        cls = type(self)
        if cls.reference is None:
            server = self.start_server()
            self.add_inputs(server)
            client = server.client()
            self.submit(server, client).join()
            cls.reference = self.digests(client, client.job(JOB))
            self.assertIn("model.safetensors", cls.reference)
        return cls.reference

    @staticmethod
    def digests(client, job):
        model = client.models.GetModel(v1.GetModelRequest(name=job.output_model))
        return {file.path: file.sha256 for file in model.files if file.path not in MEASURED}


if __name__ == "__main__":
    unittest.main()
