# SPDX-License-Identifier: Apache-2.0
"""A gRPC client with a token and deadlines, and errors as the API defines them."""
import collections
from dataclasses import dataclass, field

import grpc

from harness.stubs import error_details, v1

CALL_SECONDS = 30
STREAM_SECONDS = 180
FINAL_STATES = (v1.Job.SUCCEEDED, v1.Job.FAILED, v1.Job.CANCELLED)

_CallDetails = collections.namedtuple(
    "_CallDetails", ("method", "timeout", "metadata", "credentials", "wait_for_ready",
                     "compression"))


class _WithToken(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor,
                 grpc.StreamUnaryClientInterceptor, grpc.StreamStreamClientInterceptor,
                 grpc.ClientCallDetails):
    def __init__(self, token):
        self._token = token

    def _details(self, details, seconds):
        metadata = list(details.metadata or [])
        if self._token is not None:
            metadata.append(("authorization", f"Bearer {self._token}"))
        return _CallDetails(details.method, details.timeout or seconds, metadata,
                            details.credentials, details.wait_for_ready, details.compression)

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(self._details(details, CALL_SECONDS), request)

    def intercept_stream_unary(self, continuation, details, requests):
        return continuation(self._details(details, CALL_SECONDS), requests)

    def intercept_unary_stream(self, continuation, details, request):
        return continuation(self._details(details, STREAM_SECONDS), request)

    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(self._details(details, STREAM_SECONDS), requests)


class Client:
    """Every service of one server. `token` None sends none."""

    def __init__(self, address, token):
        self._channel = grpc.insecure_channel(address, options=[
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500)])
        self.channel = grpc.intercept_channel(self._channel, _WithToken(token))
        self.jobs = v1.JobServiceStub(self.channel)
        self.datasets = v1.DatasetServiceStub(self.channel)
        self.models = v1.ModelServiceStub(self.channel)
        self.blobs = v1.BlobServiceStub(self.channel)
        self.workers = v1.WorkerServiceStub(self.channel)
        self.admin = v1.AdminServiceStub(self.channel)

    def close(self):
        self._channel.close()

    def job(self, name):
        return self.jobs.GetJob(v1.GetJobRequest(name=name))

    def find_job(self, name):
        """None when it was not made yet."""
        try:
            return self.job(name)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            return None

    def attempts(self, name):
        return list(self.jobs.ListAttempts(v1.ListAttemptsRequest(name=name)).attempts)

    def events(self, name):
        """All durable events, by pages."""
        found, after = [], 0
        while True:
            page = self.jobs.ListJobEvents(
                v1.ListJobEventsRequest(name=name, after_sequence=after, page_size=7))
            found += page.events
            after = page.next_after_sequence
            if after == 0:
                return found

    def metrics(self, name):
        """All step metrics, by pages."""
        found, after = [], 0
        while True:
            page = self.jobs.ListMetrics(
                v1.ListMetricsRequest(name=name, after_step=after, page_size=1000))
            found += page.metrics
            after = page.next_after_step
            if after == 0:
                return found

    def list_jobs(self, page_size=1000, **query):
        """All jobs, by pages."""
        found, token = [], ""
        while True:
            page = self.jobs.ListJobs(
                v1.ListJobsRequest(page_size=page_size, page_token=token, **query))
            found += page.jobs
            token = page.next_page_token
            if not token:
                return found


@dataclass
class Refusal:
    """An error answer, decoded."""
    code: grpc.StatusCode
    message: str
    reason: str = ""
    domain: str = ""
    metadata: dict = field(default_factory=dict)
    violations: dict = field(default_factory=dict)  # field path → description


def refusal_of(error):
    refusal = Refusal(error.code(), error.details())
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in error_details.Status.FromString(value).details:
            info, bad = error_details.ErrorInfo(), error_details.BadRequest()
            if detail.Unpack(info):
                refusal.reason, refusal.domain = info.reason, info.domain
                refusal.metadata = dict(info.metadata)
            elif detail.Unpack(bad):
                refusal.violations = {v.field: v.description for v in bad.field_violations}
    return refusal
