# SPDX-License-Identifier: Apache-2.0
"""Ten thousand jobs created one by one and ten thousand in batches, with replies that got lost."""
import concurrent.futures
import unittest
import uuid

from harness.case import EndToEndTest
from harness.stubs import v1

SINGLE, BATCHES, BATCH = 10_000, 10, 1_000
IN_FLIGHT = 200
REPEATED_EVERY = 20  # of the single ones: sent again, as after a lost reply
FIRST_ID = str(uuid.UUID(int=1))


class Scale(EndToEndTest):
    def setUp(self):
        self.server = self.start_server(worker="none")
        self.add_inputs(self.server, rows=20, test_rows=4)
        self.client = self.server.client()

    def test_every_job_is_listed_once(self):
        singles = [self.job_request(request_id=str(uuid.UUID(int=i + 1))) for i in range(SINGLE)]
        names = self.create_singly(singles)
        again = self.create_singly(singles[::REPEATED_EVERY])
        self.assertEqual(again, names[::REPEATED_EVERY])
        for batch in range(BATCHES):
            requests = [self.job_request(f"batch-{batch}-{i}") for i in range(BATCH)]
            answer = self.client.jobs.BatchCreateJobs(v1.BatchCreateJobsRequest(requests=requests))
            names += [job.name for job in answer.jobs]
        self.assertEqual(len(set(names)), SINGLE + BATCHES * BATCH)
        newest_first = [job.name for job in self.client.list_jobs()]
        self.assertEqual(len(newest_first), len(names))
        self.assertEqual(set(newest_first), set(names))
        oldest_first = [job.name for job in self.client.list_jobs(order_by="create_time")]
        self.assertEqual(oldest_first, newest_first[::-1])

    def create_singly(self, requests):
        """The names, in the order of the requests."""
        def create(request):
            return self.client.jobs.CreateJob(request).name
        with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT) as pool:
            return list(pool.map(create, requests))

    def test_a_request_id_makes_one_job_however_often_it_is_sent(self):
        request = self.job_request(request_id=FIRST_ID)
        jobs = {name for name in self.create_singly([request] * 50)}
        self.assertEqual(len(jobs), 1)
        self.server.kill()
        self.server.start()
        self.assertEqual({self.client.jobs.CreateJob(request, wait_for_ready=True).name}, jobs)
        self.assertEqual(len(self.client.list_jobs()), 1)

    def test_a_request_id_with_another_body_is_refused(self):
        self.client.jobs.CreateJob(self.job_request(request_id=FIRST_ID))
        with self.refused("ALREADY_EXISTS", "REQUEST_ID_REUSED"):
            self.client.jobs.CreateJob(self.job_request(request_id=FIRST_ID, priority=1))
        self.assertEqual(len(self.client.list_jobs()), 1)

    def test_a_batch_with_one_bad_job_makes_none(self):
        requests = [self.job_request("good"), self.job_request("Bad Id")]
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.jobs.BatchCreateJobs(v1.BatchCreateJobsRequest(requests=requests))
        self.assertEqual(list(caught[0].violations), ["requests[1].job_id"])
        self.assertEqual(self.client.list_jobs(), [])

    def test_what_was_acknowledged_survives_a_kill(self):
        names = self.create_singly([self.job_request() for _ in range(500)])
        self.server.kill()
        self.server.start()
        client = self.server.client()
        self.assertEqual({job.name for job in client.list_jobs()}, set(names))


if __name__ == "__main__":
    unittest.main()
