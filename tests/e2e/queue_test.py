# SPDX-License-Identifier: Apache-2.0
"""Jobs that share one worker: their order, what the waiting ones say, and cancelling each kind."""
import time
import unittest

from harness.case import EndToEndTest
from harness.server import set_trainer
from harness.stubs import v1
from harness.waiting import wait_for

FOREVER_MS = 600_000
CANCEL_SECONDS = 2


class Queue(EndToEndTest):
    def setUp(self):
        self.server = self.start_server_with_fake_trainer(step_ms=FOREVER_MS)
        self.add_inputs(self.server, rows=20, test_rows=4)
        self.client = self.server.client()

    def create(self, job_id, priority=0):
        return self.client.jobs.CreateJob(self.job_request(job_id, priority=priority)).name

    def cancel(self, name):
        return self.client.jobs.CancelJob(v1.CancelJobRequest(name=name))

    def running(self, job_id):
        name = self.create(job_id)
        self.wait_state(self.client, name, ("RUNNING", "TRAINING"))
        return name

    def test_five_jobs_run_one_at_a_time_by_priority_then_submit_order(self):
        first = self.running("first")
        waiting = [self.create("low", -5), self.create("mid-one"), self.create("mid-two"),
                   self.create("high", 10)]
        for name in waiting:
            self.wait_state(self.client, name, ("QUEUED", "WAITING_FOR_WORKER"))
        in_order = ["jobs/high", "jobs/mid-one", "jobs/mid-two", "jobs/low"]
        wait_for(lambda: self.client.job("jobs/low").queue.position == 4, "the queue to be known")
        for position, name in enumerate(in_order, start=1):
            job = self.client.job(name)
            self.assertEqual((job.queue.position, job.queue.length), (position, 4), name)
            self.assertIn("slot", job.reason_message)
        table = self.cli_ok(self.server, "queue").stdout.splitlines()[1:]
        self.assertEqual([line.split()[:2] for line in table],
                         [[str(i), name] for i, name in enumerate(in_order, start=1)])

        set_trainer(self.server.folder, FAKE_STEP_MS=10)
        self.cancel(first)
        jobs = [self.wait_state(self.client, name, "SUCCEEDED") for name in in_order]
        starts = [job.start_time.ToNanoseconds() for job in jobs]
        self.assertEqual(starts, sorted(starts))
        # A second trainer at the same time would have ended at once, and cost a second attempt.
        self.assertEqual([job.attempt_count for job in jobs], [1, 1, 1, 1])
        fences = [self.client.attempts(name)[0].fence for name in [first, *in_order]]
        self.assertEqual(fences, sorted(fences))

    def test_cancelling_a_waiting_job_ends_it_inside_the_call(self):
        self.running("first")
        second, third = self.create("second"), self.create("third")
        self.wait_state(self.client, second, "QUEUED")
        self.wait_state(self.client, third, "QUEUED")
        self.assertEqual(self.client.job(third).queue.position, 2)
        self.assertEqual(self.cancel(second).state, v1.Job.CANCELLED)
        wait_for(lambda: self.client.job(third).queue.position == 1, "the next one to move up")
        self.assertEqual(self.client.attempts(second), [])

    def test_cancelling_a_starting_job_frees_the_slot_within_two_seconds(self):
        hold = self.server.folder / "hold"
        hold.touch()
        name = self.create("starting")
        self.wait_state(self.client, name, ("RUNNING", "STARTING"))
        [trainer] = wait_for(self.server.trainers, "the trainer to be started")
        self.is_cancelled_in_time(name, trainer)
        hold.unlink()
        self.running("next")

    def test_cancelling_a_running_job_frees_the_slot_within_two_seconds(self):
        name = self.running("running")
        [trainer] = self.server.trainers()
        self.is_cancelled_in_time(name, trainer)
        self.running("next")

    def test_a_trainer_that_is_deaf_to_the_cancel_is_killed(self):
        set_trainer(self.server.folder, FAKE_STEP_MS=FOREVER_MS, FAKE_IGNORE_STOP=1)
        name = self.running("deaf")
        [trainer] = self.server.trainers()
        self.is_cancelled_in_time(name, trainer)

    def is_cancelled_in_time(self, name, trainer):
        deadline = time.monotonic() + CANCEL_SECONDS
        self.assertIn(self.cancel(name).state, (v1.Job.CANCELLING, v1.Job.CANCELLED))
        trainer.wait_gone(deadline - time.monotonic())
        self.wait_state(self.client, name, "CANCELLED", max(0.1, deadline - time.monotonic()))
        self.assertEqual(self.cancel(name).state, v1.Job.CANCELLED, "idempotent")
        self.assertEqual(self.client.job(name).output_model, "")

    def test_a_finished_job_cannot_be_cancelled(self):
        set_trainer(self.server.folder, FAKE_STEP_MS=0)
        name = self.create("done")
        self.wait_state(self.client, name, "SUCCEEDED")
        with self.refused("FAILED_PRECONDITION", "WRONG_STATE"):
            self.cancel(name)

    def test_pause_keeps_every_step_and_resume_goes_on_from_there(self):
        set_trainer(self.server.folder, FAKE_STEP_MS=50)
        request = self.job_request("pausing", steps=60)
        name = self.client.jobs.CreateJob(request).name
        wait_for(lambda: self.client.job(name).progress.step > 2, "some steps")
        self.client.jobs.PauseJob(v1.PauseJobRequest(name=name))
        paused = self.wait_state(self.client, name, "PAUSED")
        self.assertGreater(paused.committed_step, 2)
        self.assertEqual(self.server.trainers(), [])
        set_trainer(self.server.folder, FAKE_STEP_MS=0)
        self.client.jobs.ResumeJob(v1.ResumeJobRequest(name=name))
        self.wait_state(self.client, name, "SUCCEEDED")
        self.assertEqual(self.client.attempts(name)[1].start_step, paused.committed_step)
        self.assertEqual([m.step for m in self.client.metrics(name)], list(range(1, 61)))


if __name__ == "__main__":
    unittest.main()
