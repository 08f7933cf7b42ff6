"""What requests and answers are made of, whatever protocol they come by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

DEFAULT_SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class Target:
    """What a request is for.

    Attributes:
        name: The model.
        version: Its version; None for the label's or, without a label, the newest.
        label: A name that `models.config` gives to a version.
        signature: "" is `serving_default`.
    """

    name: str
    version: int | None = None
    label: str | None = None
    signature: str = ""

    @property
    def signature_name(self) -> str:
        """The signature's name in the SavedModel."""
        return self.signature or DEFAULT_SIGNATURE


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one client may take.

    Attributes:
        body_bytes: Of a request, over both protocols.
        batch: Rows of a request.
        concurrent: Requests at a time, of all clients together.
        seconds: Of a request, from its arrival to its answer.
    """

    body_bytes: int = 64 * 1024 * 1024
    batch: int = 1024
    concurrent: int = 512
    seconds: float = 60.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a version made of a request.

    Attributes:
        name: The model.
        version: The version that answered.
        signature: The signature's name, never "".
        outputs: Arrays by the signature's output names, rows first; strings are bytes objects.
    """

    name: str
    version: int
    signature: str
    outputs: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """Where a version is in its life.

    Attributes:
        version: Its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error_code: OK, or why it ended, as a gRPC status by name.
        error_message: "" if nothing went wrong.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


class Metrics(Protocol):
    """Who counts what the server does; each call comes from the event loop."""

    def request(self, name: str, method: str, code: str, seconds: float) -> None:
        """A request was answered: `code` is OK or that of the ServingError."""

    def batch(self, name: str, rows: int) -> None:
        """So many rows went through the model in one run."""

    def waiting(self, name: str, number: int) -> None:
        """So many requests wait for a batch to be run."""

    def version(self, name: str, version: int, state: str) -> None:
        """A version has come into a state."""


class NoMetrics(Metrics):
    """Counts nothing."""
