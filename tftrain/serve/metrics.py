"""Counters of what the server does, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

import prometheus_client
from prometheus_client.exposition import choose_encoder

UNKNOWN = "(unknown)"  # the model of a request for one that is not here
ENDED = "END"

_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
)  # fmt: skip
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class PrometheusMetrics:
    """Counts in a registry of its own, so that several servers of a process do not meet.

    Requests for models that are neither among `models` nor ever had a version are counted under one
    name, lest whoever asks for ever new names fill the memory.

    Args:
        models: Names of those that will be served.

    Example:
        >>> metrics = PrometheusMetrics(["digits"])
        >>> metrics.request("digits", "predict", "OK", 0.004)
        >>> body, _ = metrics.exposition()
        >>> b'tftrain_requests_total{code="OK",method="predict",model="digits"} 1.0' in body
        True
    """

    def __init__(self, models: Iterable[str] = ()) -> None:
        self._models = set(models)
        self._registry = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Counter(
            "tftrain_requests", "Requests answered, by the status they were answered with",
            ["model", "method", "code"], registry=self._registry,
        )  # fmt: skip
        self._seconds = prometheus_client.Histogram(
            "tftrain_request_seconds", "From a request's arrival to its answer",
            ["model", "method"], buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._rows = prometheus_client.Histogram(
            "tftrain_batch_rows", "Rows that went through the model in one run",
            ["model"], buckets=_ROWS, registry=self._registry,
        )  # fmt: skip
        self._waiting = prometheus_client.Gauge(
            "tftrain_waiting_requests", "Requests that wait for a batch to be run",
            ["model"], registry=self._registry,
        )  # fmt: skip
        self._versions = prometheus_client.Gauge(
            "tftrain_version_state", "1 for the state that a version is in; ended ones are absent",
            ["model", "version", "state"], registry=self._registry,
        )  # fmt: skip
        self._states: dict[tuple[str, int], str] = {}

    def request(self, name: str, method: str, code: str, seconds: float) -> None:
        """A request was answered: `code` is OK or that of the ServingError."""
        model = name if name in self._models else UNKNOWN
        self._requests.labels(model, method, code).inc()
        self._seconds.labels(model, method).observe(seconds)

    def batch(self, name: str, rows: int) -> None:
        """So many rows went through the model in one run."""
        self._rows.labels(name).observe(rows)

    def waiting(self, name: str, number: int) -> None:
        """So many requests wait for a batch to be run."""
        self._waiting.labels(name).set(number)

    def version(self, name: str, version: int, state: str) -> None:
        """A version has come into a state."""
        self._models.add(name)
        before = self._states.pop((name, version), None)
        if before is not None:
            self._versions.remove(name, str(version), before)
        if state != ENDED:
            self._states[name, version] = state
            self._versions.labels(name, str(version), state).set(1)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All figures, and their content type.

        Args:
            accept: The formats that the reader takes, as in the HTTP header.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
