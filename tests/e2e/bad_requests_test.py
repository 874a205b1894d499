# SPDX-License-Identifier: Apache-2.0
"""Requests that no honest client sends, against a live server: each gets its code, its reason and
the paths of its fields, and the server goes on."""
import math
import unittest
import uuid

import grpc

from harness.case import EndToEndTest
from harness.client import refusal_of
from harness.stubs import v1
from harness.worker import PlayedWorker

TUNE = "job.spec.fine_tune."
HYPER = TUNE + "hyperparameters."
MESSAGE_LIMIT = 4 << 20


def change(path, value):
    """A change of a CreateJobRequest: sets the field at a dotted path."""
    def apply(request):
        *parents, last = path.split(".")
        message = request
        for parent in parents:
            message = getattr(message, parent)
        setattr(message, last, value)
    return apply


def label_pairs(count):
    def apply(request):
        for index in range(count):
            request.job.labels[f"key-{index}"] = "value"
    return apply


def number_cases():
    for value in (math.nan, math.inf, -1.0, 1e308):
        yield f"learning_rate {value}", change(HYPER + "learning_rate", value), \
            [HYPER + "learning_rate"]
    for value in (0.0, -1.0, float(2**63)):
        yield f"epochs {value}", change(HYPER + "epochs", value), [HYPER + "epochs"]
    for value in (0, -1, 2**63 - 1):
        yield f"batch_size {value}", change(HYPER + "batch_size", value), [HYPER + "batch_size"]
    for field in ("warmup_ratio", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon",
                  "max_grad_norm", "dropout"):
        yield f"{field} nan", change(HYPER + field, math.nan), [HYPER + field]
    yield "max_steps -1", change(HYPER + "max_steps", -1), [HYPER + "max_steps"]
    yield "eval_fraction 0.6", change(TUNE + "eval_fraction", 0.6), [TUNE + "eval_fraction"]
    yield "priority 1001", change("job.priority", 1001), ["job.priority"]


def name_cases():
    for what, name in {"NUL": "a\0b", "newline": "a\nb", "ANSI escape": "a\x1b[31mb",
                       "bidi override": "a\u202eb", "capital": "Job", "space": "a b",
                       "slash": "a/b", "leading digit": "1a", "trailing dash": "a-",
                       "64 letters": "a" * 64}.items():
        yield f"job_id with {what}", change("job_id", name), ["job_id"]
    yield "display_name with ANSI escape", change("job.display_name", "\x1b[31mred"), \
        ["job.display_name"]
    yield "dataset path", change(TUNE + "train_dataset", "datasets/../../etc/passwd"), \
        [TUNE + "train_dataset"]
    yield "model URL", change(TUNE + "base_model", "http://169.254.169.254/"), [TUNE + "base_model"]
    yield "request_id no UUID", change("request_id", "not-a-uuid"), ["request_id"]
    yield "request_id of 10 KiB", change("request_id", "x" * 10240), ["request_id"]


class BadJobs(EndToEndTest):
    def setUp(self):
        self.server = self.start_server(worker="none")
        self.add_inputs(self.server, rows=20, test_rows=4)
        self.client = self.server.client()

    def create(self, request):
        return self.client.jobs.CreateJob(request)

    def tearDown(self):
        self.assertEqual(self.server.http("/healthz")[0], 200, "the server died of it")
        failed = [line for line in self.server.metrics_text().splitlines()
                  if line.startswith("grpc_server_handled_total") and 'attune.v1' in line
                  and ('code="Internal"' in line or 'code="Unknown"' in line)
                  and not line.endswith(" 0")]
        self.assertEqual(failed, [], "input must never be answered INTERNAL or UNKNOWN")

    def test_a_field_out_of_range_is_named(self):
        cases = [*number_cases(), *name_cases(),
                 ("33 labels", label_pairs(33), ["job.labels"]),
                 ("50,000 labels", label_pairs(50_000), ["job.labels"]),
                 ("label of 64 bytes", lambda r: r.job.labels.update(team="x" * 64),
                  ["job.labels"])]
        for name, apply, fields in cases:
            request = self.job_request()
            apply(request)
            with self.subTest(name), self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
                self.create(request)
            if caught:
                self.assertEqual(sorted(caught[0].violations), fields, name)
                self.assertLess(len(caught[0].message), 1000, name)
        self.assertEqual(self.client.list_jobs(), [])

    def test_an_empty_request_is_told_every_missing_field_at_once(self):
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.create(v1.CreateJobRequest())
        self.assertEqual(sorted(caught[0].violations), ["job.spec.work"])
        empty = {
            "fine_tune": [TUNE + "base_model", TUNE + "task", TUNE + "train_dataset"],
            "evaluate": ["job.spec.evaluate.dataset", "job.spec.evaluate.model"],
            "predict": ["job.spec.predict.dataset", "job.spec.predict.model"]}
        for work, fields in empty.items():
            request = v1.CreateJobRequest()
            getattr(request.job.spec, work).SetInParent()
            with self.subTest(work), self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
                self.create(request)
            self.assertEqual(sorted(caught[0].violations), fields, work)

    def test_several_violations_come_together(self):
        request = self.job_request("Bad", priority=5000, eval_fraction=2)
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.create(request)
        self.assertEqual(sorted(caught[0].violations),
                         ["job.priority", TUNE + "eval_fraction", "job_id"])

    def test_inputs_that_do_not_exist_are_not_found(self):
        for field in ("base_model", "train_dataset", "test_dataset"):
            request = self.job_request()
            setattr(request.job.spec.fine_tune, field,
                    "models/absent" if field == "base_model" else "datasets/absent")
            with self.subTest(field), self.refused("NOT_FOUND", "RESOURCE_NOT_FOUND"):
                self.create(request)

    def test_an_id_or_a_request_id_that_was_used_is_refused(self):
        request = self.job_request("twice", request_id=str(uuid.UUID(int=7)))
        self.assertEqual(self.create(request), self.create(request))
        with self.refused("ALREADY_EXISTS", "RESOURCE_EXISTS"):
            self.create(self.job_request("twice"))
        with self.refused("ALREADY_EXISTS", "REQUEST_ID_REUSED"):
            self.create(self.job_request("other", request_id=str(uuid.UUID(int=7))))

    def test_an_enum_value_that_is_not_known_is_refused(self):
        request = v1.CreateDatasetRequest(dataset_id="odd")
        request.dataset.file.CopyFrom(v1.FileRef(path="a.csv", size_bytes=1, sha256="0" * 64))
        request.dataset.format = 999
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.datasets.CreateDataset(request)
        self.assertIn("dataset.format", caught[0].violations)

    def test_validate_only_creates_nothing(self):
        request = self.job_request("only-asking")
        request.validate_only = True
        answer = self.create(request)
        self.assertEqual(answer.spec.fine_tune.hyperparameters.batch_size, 8)
        self.assertEqual(self.client.list_jobs(), [])

    # ---- pages, filters, watches ----

    def test_page_tokens_and_sizes(self):
        for index in range(3):
            self.create(self.job_request(f"job-{index}"))
        page = self.client.jobs.ListJobs(v1.ListJobsRequest(page_size=1))
        token = page.next_page_token
        forged = token[:-1] + chr(ord(token[-1]) ^ 1)
        bad = {"forged": dict(page_token=forged), "rubbish": dict(page_token="rubbish"),
               "of another filter": dict(page_token=token, filter="state = QUEUED"),
               "of another order": dict(page_token=token, order_by="create_time")}
        for name, query in bad.items():
            with self.subTest(name), self.refused("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"):
                self.client.jobs.ListJobs(v1.ListJobsRequest(page_size=1, **query))
        with self.refused("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"):
            self.client.datasets.ListDatasets(v1.ListDatasetsRequest(page_token=token))
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD") as caught:
            self.client.jobs.ListJobs(v1.ListJobsRequest(page_size=-1))
        self.assertEqual(list(caught[0].violations), ["page_size"])
        self.assertEqual(len(self.client.jobs.ListJobs(
            v1.ListJobsRequest(page_size=10**9)).jobs), 3)

    def test_filters_and_orders_that_cannot_be_read(self):
        for query in (dict(filter="state = SLEEPING"), dict(filter="colour = red"),
                      dict(filter="state ="), dict(order_by="priority")):
            with self.subTest(query), self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
                self.client.jobs.ListJobs(v1.ListJobsRequest(**query))

    def test_a_watch_from_beyond_the_last_event(self):
        name = self.create(self.job_request("watched")).name
        with self.refused("OUT_OF_RANGE", "SEQUENCE_AHEAD") as caught:
            list(self.client.jobs.WatchJob(v1.WatchJobRequest(name=name, after_sequence=10_000)))
        self.assertEqual(caught[0].metadata["newest_sequence"],
                         str(self.client.events(name)[-1].sequence))
        with self.refused("NOT_FOUND", "RESOURCE_NOT_FOUND"):
            list(self.client.jobs.WatchJob(v1.WatchJobRequest(name="jobs/absent")))

    # ---- bytes ----

    def raw_create(self, data):
        """CreateJob with these bytes as its message."""
        call = self.client.channel.unary_unary(
            "/attune.v1.JobService/CreateJob", request_serializer=lambda raw: raw,
            response_deserializer=v1.Job.FromString)
        return call(data)

    def test_a_oneof_member_sent_twice_is_merged_and_the_last_value_wins(self):
        first = self.job_request("merged")
        first.job.spec.fine_tune.text_classification.max_length = 16
        second = v1.CreateJobRequest()
        second.job.spec.fine_tune.text_classification.max_length = 32
        job = self.raw_create(first.SerializeToString() + second.SerializeToString())
        self.assertEqual(job.spec.fine_tune.text_classification.max_length, 32)

    def test_bytes_that_are_no_message(self):
        whole = self.job_request("whole").SerializeToString()
        for name, data in {"truncated": whole[:-3], "random": bytes(range(255, 200, -1)),
                           "invalid UTF-8": b"\x0a\x03a\xff\xfe",
                           "300 levels": nested_message(300)}.items():
            with self.subTest(name), self.assertRaises(grpc.RpcError) as raised:
                self.raw_create(data)
            # gRPC's own parser refuses them before any code of ours: newer ones say INTERNAL,
            # the callback API of 1.51 says UNIMPLEMENTED.
            self.assertIn(raised.exception.code(),
                          (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED), name)

    def test_a_message_above_the_limit_leaves_the_connection_usable(self):
        request = self.job_request(request_id="x" * (MESSAGE_LIMIT + 1))
        with self.assertRaises(grpc.RpcError) as raised:
            self.create(request)
        self.assertEqual(refusal_of(raised.exception).code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(self.client.list_jobs(), [])

    def test_a_method_that_does_not_exist(self):
        for method in ("/attune.v1.JobService/DestroyJob", "/attune.v1.NoService/Get"):
            call = self.client.channel.unary_unary(method, request_serializer=lambda raw: raw)
            with self.subTest(method), self.assertRaises(grpc.RpcError) as raised:
                call(b"")
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


def nested_message(depth):
    """A CreateJobRequest whose unknown field 15 is `depth` groups within each other."""
    return b"\x7b" * depth + b"\x7c" * depth


class BadReports(EndToEndTest):
    def setUp(self):
        self.server = self.start_server(worker="none")
        self.add_inputs(self.server, rows=20, test_rows=4)
        self.client = self.server.client()
        self.worker = PlayedWorker(self.server.client(self.server.worker_token()), "played")
        self.addCleanup(self.worker.close)
        self.client.jobs.CreateJob(self.job_request("job"))
        self.lease = self.worker.lease()
        self.started = v1.AttemptReport(started=v1.Started(device="cpu", threads=1,
                                                           total_steps=100))
        self.worker.report(self.lease, 0, self.started)

    @staticmethod
    def step(number):
        return v1.AttemptReport(metrics=v1.StepMetrics(step=number, loss=0.5))

    def test_a_report_is_applied_once_however_often_it_is_sent(self):
        for _ in range(3):
            self.assertEqual(self.worker.report(self.lease, 1, self.step(1), self.step(2)), 3)
        self.assertEqual([m.step for m in self.client.metrics("jobs/job")], [1, 2])

    def test_a_stale_fence_is_aborted(self):
        with self.refused("ABORTED", "STALE_ATTEMPT"):
            self.worker.report(self.lease, 1, self.step(1), fence=self.lease.fence - 1)

    def test_a_fence_from_the_future_is_invalid(self):
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
            self.worker.report(self.lease, 1, self.step(1), fence=self.lease.fence + 1)

    def test_another_job_is_not_found(self):
        with self.refused("NOT_FOUND", "RESOURCE_NOT_FOUND"):
            self.worker.report(self.lease, 1, self.step(1), job="jobs/absent")

    def test_a_hole_names_where_to_go_on(self):
        with self.refused("OUT_OF_RANGE", "REPORT_HOLE") as caught:
            self.worker.report(self.lease, 5, self.step(1))
        self.assertEqual(caught[0].metadata["next_index"], "1")

    def test_a_step_that_goes_back_or_beyond_the_last_is_refused(self):
        self.worker.report(self.lease, 1, self.step(7))
        with self.refused("ABORTED", "STALE_ATTEMPT"):
            self.worker.report(self.lease, 2, self.step(6))
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
            self.worker.report(self.lease, 2, self.step(101))

    def test_a_checkpoint_whose_blobs_were_not_uploaded_is_refused(self):
        file = v1.FileRef(path="manifest.json", size_bytes=3, sha256="a" * 64)
        checkpoint = v1.Checkpoint(step=5, manifest_sha256="a" * 64, files=[file])
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
            self.worker.report(self.lease, 1, v1.AttemptReport(checkpoint=checkpoint))
        self.assertEqual(self.client.job("jobs/job").committed_step, 0)

    def test_metric_names_without_bound_are_refused(self):
        for values in ({"x" * 100_000: 1.0}, {f"metric-{i}": 1.0 for i in range(1000)}):
            evaluation = v1.Evaluation(split=v1.Evaluation.EVAL, step=1, metrics=values)
            with self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
                self.worker.report(self.lease, 1, v1.AttemptReport(evaluation=evaluation))

    def test_nothing_of_a_call_is_applied_when_one_report_is_bad(self):
        with self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
            self.worker.report(self.lease, 1, self.step(1), self.step(101))
        self.assertEqual(self.client.metrics("jobs/job"), [])
        self.assertEqual(self.worker.report(self.lease, 1, self.step(1)), 2)


class BadBlobs(EndToEndTest):
    def setUp(self):
        self.client = self.start_server(worker="none").client()

    def write(self, data, sha256, size, offset=0):
        digest = v1.BlobDigest(sha256=sha256, size_bytes=size)
        return self.client.blobs.WriteBlob(
            iter([v1.WriteBlobRequest(blob=digest, offset=offset, data=data)]))

    def test_bytes_of_another_digest_are_lost_and_not_kept(self):
        with self.refused("DATA_LOSS", "BLOB_MISMATCH"):
            self.write(b"abc", "0" * 64, 3)
        state = self.client.blobs.GetUpload(v1.GetUploadRequest(
            blob=v1.BlobDigest(sha256="0" * 64, size_bytes=3)))
        self.assertEqual((state.committed_bytes, state.complete), (0, False))

    def test_an_upload_that_starts_beyond_its_end_is_aborted(self):
        with self.refused("ABORTED", "UPLOAD_OFFSET") as caught:
            self.write(b"abc", "1" * 64, 10, offset=5)
        self.assertEqual(caught[0].metadata["committed_bytes"], "0")

    def test_a_digest_that_is_none_is_invalid(self):
        for sha256 in ("", "abc", "../../etc/passwd", "G" * 64):
            with self.subTest(sha256), self.refused("INVALID_ARGUMENT", "INVALID_FIELD"):
                self.write(b"abc", sha256, 3)

    def test_a_blob_that_is_not_there(self):
        with self.refused("NOT_FOUND", "RESOURCE_NOT_FOUND"):
            list(self.client.blobs.ReadBlob(v1.ReadBlobRequest(
                blob=v1.BlobDigest(sha256="2" * 64, size_bytes=3))))


if __name__ == "__main__":
    unittest.main()
