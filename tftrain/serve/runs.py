"""Runs of graphs in threads: each request by itself, as far as nothing joins them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

import numpy as np

from tftrain.serve import checks
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.terms import Metrics, Target


@dataclasses.dataclass(frozen=True)
class Call:
    """A signature of a version, and which of its outputs are wanted."""

    model: str
    version: LoadedVersion
    signature: str
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, target: Target, version: LoadedVersion, outputs: Sequence[str]) -> Call:
        """What a request asks of the version that it is for."""
        return cls(target.name, version, target.signature_name, tuple(outputs))

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Runs it in the calling thread (see `LoadedVersion.run`)."""
        return self.version.run(self.signature, arrays, self.outputs)


class Runner(Protocol):
    """What runs calls."""

    def start(self, call: Call, arrays: list[np.ndarray]) -> asyncio.Future[list[np.ndarray]]:
        """Begins a call; the future gives the arrays of its outputs, or raises a ServingError.

        It is dropped if the future is cancelled before it is run.

        Raises:
            ServingError: UNAVAILABLE: too many wait.
        """


class SingleRuns:
    """Runs each call by itself.

    Args:
        threads: Where.
        metrics: Is told the rows of each run.
    """

    def __init__(self, threads: Executor, metrics: Metrics) -> None:
        self._threads, self._metrics = threads, metrics

    def start(self, call: Call, arrays: list[np.ndarray]) -> asyncio.Future[list[np.ndarray]]:
        """As Runner.start."""
        self._metrics.batch(call.model, checks.rows(arrays) or 1)
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, call.run, arrays)
