# SPDX-License-Identifier: Apache-2.0
"""Who may call what: no token, a wrong one, the worker's, the admin's."""
import unittest

from harness.case import EndToEndTest
from harness.stubs import health, health_grpc, v1


def read_calls(client):
    """One call of every service that a person uses."""
    return {"ListJobs": lambda: client.jobs.ListJobs(v1.ListJobsRequest()),
            "GetJob": lambda: client.jobs.GetJob(v1.GetJobRequest(name="jobs/x")),
            "CreateJob": lambda: client.jobs.CreateJob(v1.CreateJobRequest()),
            "WatchJob": lambda: list(client.jobs.WatchJob(v1.WatchJobRequest(name="jobs/x"))),
            "ListDatasets": lambda: client.datasets.ListDatasets(v1.ListDatasetsRequest()),
            "ListModels": lambda: client.models.ListModels(v1.ListModelsRequest()),
            "ListWorkers": lambda: client.workers.ListWorkers(v1.ListWorkersRequest()),
            "GetServerInfo": lambda: client.admin.GetServerInfo(v1.GetServerInfoRequest()),
            "Stop": lambda: client.admin.Stop(v1.StopRequest())}


def worker_calls(client):
    hello = [v1.WorkerMessage(hello=v1.Hello(worker_id="intruder"))]
    return {"OpenSession": lambda: list(client.workers.OpenSession(iter(hello))),
            "ReportAttempt": lambda: client.workers.ReportAttempt(
                v1.ReportAttemptRequest(job="jobs/x", attempt=1, fence=1))}


def blob_calls(client):
    digest = v1.BlobDigest(sha256="0" * 64, size_bytes=1)
    return {"FindMissingBlobs": lambda: client.blobs.FindMissingBlobs(
                v1.FindMissingBlobsRequest(blobs=[digest])),
            "GetUpload": lambda: client.blobs.GetUpload(v1.GetUploadRequest(blob=digest))}


def stream_calls(client):
    digest = v1.BlobDigest(sha256="0" * 64, size_bytes=1)
    write = [v1.WriteBlobRequest(blob=digest, data=b"x")]
    return {"ReadBlob": lambda: list(client.blobs.ReadBlob(v1.ReadBlobRequest(blob=digest))),
            "WriteBlob": lambda: client.blobs.WriteBlob(iter(write))}


class Auth(EndToEndTest):
    def setUp(self):
        self.server = self.start_server(worker="none")

    def all_are_refused(self, calls, code, reason):
        for name, call in calls.items():
            with self.subTest(name), self.refused(code, reason):
                call()

    def test_without_a_known_token_every_call_is_unauthenticated_in_the_same_words(self):
        messages = set()
        for token in (None, "wrong", "x" * 5000, self.server.token[:-1]):
            client = self.server.client(token)
            calls = {**read_calls(client), **worker_calls(client), **blob_calls(client),
                     **stream_calls(client)}
            for name, call in calls.items():
                with self.subTest(name, token=token), self.refused(
                        "UNAUTHENTICATED", "UNAUTHENTICATED") as caught:
                    call()
                messages.add(caught[0].message)
        self.assertEqual(len(messages), 1)

    def test_the_worker_token_is_for_workers_and_blobs_alone(self):
        client = self.server.client(self.server.worker_token())
        self.all_are_refused(read_calls(client), "PERMISSION_DENIED", "ROLE_FORBIDDEN")
        for call in blob_calls(client).values():
            call()

    def test_the_admin_token_is_no_worker_token(self):
        self.all_are_refused(worker_calls(self.server.client()), "PERMISSION_DENIED",
                             "ROLE_FORBIDDEN")

    def test_health_is_open(self):
        stub = health_grpc.HealthStub(self.server.client(token=None).channel)
        self.assertEqual(stub.Check(health.HealthCheckRequest()).status,
                         health.HealthCheckResponse.SERVING)

    def test_only_their_owner_can_read_the_tokens(self):
        for name in ("admin.token", "worker.token"):
            self.assertEqual((self.server.data / name).stat().st_mode & 0o777, 0o600, name)
        self.assertEqual(self.server.data.stat().st_mode & 0o777, 0o700)

    def test_no_token_is_written_to_the_log(self):
        self.cli_ok(self.server, "jobs")
        log = self.server.log.read_text()
        for token in (self.server.token, self.server.worker_token()):
            self.assertNotIn(token, log)


if __name__ == "__main__":
    unittest.main()
