"""A worker that dies in mid-training ends `fit` in the others with an error that names it.

Symptom: `fit` raises UnavailableError with a collective's inner message; which worker is dead is
hidden in it, or another one, that merely stopped as well, is named.
Cause: TensorFlow reports what broke on the wire; Keras passes it on.
Upstream: by design
Versions: keras 3.0 to 3.15
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute import notice_board, roll_call
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.errors import PeerLost, PreflightError
from tftrain.keras_api import keras, tf

_UNHEALTHY = re.compile(r"stopped sending heartbeats\):((?:\s*/job:\w+/replica:\d+/task:\d+)+)")
_TASK = re.compile(r"/job:(\w+)/replica:\d+/task:(\d+)")
_PROBE_SECONDS = 3.0
_PAUSE_SECONDS = 0.1

_cluster: Cluster | None = None


def install() -> None:
    """Gives lost peers their names in `fit`, `evaluate` and `predict`."""
    for name in ("fit", "evaluate", "predict"):
        wrap(keras.Model, name, _run)


def expect(cluster: Cluster) -> None:
    """Tells which cluster the tasks in TensorFlow's messages are of."""
    global _cluster
    _cluster = cluster


def _run(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    with naming_lost_peers():
        return original(model, *args, **kwargs)


@contextlib.contextmanager
def naming_lost_peers() -> Iterator[None]:
    """Turns TensorFlow's errors about a broken connection into PeerLost.

    A training loop of one's own can use it as `fit` does.

    Raises:
        PeerLost: A worker of this job is gone.
        PreflightError: Another worker stopped the job, and said why.
    """
    if _cluster is None:
        yield
        return
    try:
        yield
    except _connection_errors() as error:
        stopped = notice_board.reason_to_stop(str(error))
        if stopped:
            raise PreflightError(stopped) from error
        lost = find_lost(_cluster, str(error))
        if not lost:
            raise
        raise PeerLost(lost, _cluster.name) from error


def _connection_errors() -> tuple[type[Exception], ...]:
    # Cancelled, aborted, internal: what a broken connection turns into in a running graph.
    names = ("Unavailable", "Aborted", "Cancelled", "DeadlineExceeded", "FailedPrecondition")
    return tuple(getattr(tf.errors, f"{name}Error") for name in names)


def find_lost(cluster: Cluster, message: str) -> dict[str, str]:
    """The peers that are gone, by name, from TensorFlow's message and a knock at their doors.

    A worker named in the message may only have stopped because of a third one, so the ones that
    TensorFlow's heartbeat counts as dead come first, then those that accept no connection.
    """
    peers = cluster.peers
    for section in _UNHEALTHY.findall(message):
        dead = [f"{job} {task}" for job, task in _TASK.findall(section)]
        if any(name in peers for name in dead):
            return {name: peers[name] for name in dead if name in peers}
    silent = _silent(peers)
    if silent:
        return silent
    named = [f"{job} {task}" for job, task in _TASK.findall(message)]
    return {name: peers[name] for name in named if name in peers}


def _silent(peers: dict[str, str]) -> dict[str, str]:
    """The first peers found not to answer; later others may be gone for the same reason."""
    deadline = time.monotonic() + _PROBE_SECONDS
    while time.monotonic() < deadline:
        silent = roll_call.unreachable(peers, seconds=0)
        if silent:
            return silent
        time.sleep(_PAUSE_SECONDS)
    return {}
