"""A time limit for code that cannot be interrupted from inside Python.

While TensorFlow connects a cluster it holds Python's lock: no thread runs, no signal handler is
called. A small process beside this one waits instead; if it is not called off in time, it finds
out which peers do not answer, says so and ends this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

_GRACE_SECONDS = 2.0


@contextlib.contextmanager
def time_limit(seconds: float, doing: str, peers: Mapping[str, str]) -> Iterator[None]:
    """Ends this process if the block takes longer than `seconds`.

    Args:
        seconds: The time limit.
        doing: What the block does, for the message, e.g. `worker 0: connecting the cluster`.
        peers: `host:port` by name, probed for the message.
    """
    order = json.dumps(
        {"pid": os.getpid(), "seconds": seconds, "doing": doing, "peers": dict(peers)}
    )
    # -m would import the package; the file alone starts in some 20 ms.
    command = [sys.executable, "-I", "-S", os.path.abspath(__file__), order]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guard:
        try:
            yield
        finally:
            guard.stdin.close()


def _guard(order: dict[str, object]) -> None:
    # The end of standard input means: the block is over, or the process is gone.
    called_off, _, _ = select.select([sys.stdin], [], [], order["seconds"])
    if called_off:
        return
    silent = [f"{name} at {host}" for name, host in order["peers"].items() if not _answers(host)]
    blame = ", ".join(silent) or "no peer in particular (all accept connections)"
    print(
        f"tftrain: {order['doing']} took longer than {order['seconds']:g} s; no answer from: "
        f"{blame}. Ending this process.",
        file=sys.stderr,
        flush=True,
    )
    _end(order["pid"])


def _answers(address: str) -> bool:
    import socket

    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1.0).close()
    except OSError:
        return False
    return True


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        if not select.select([sys.stdin], [], [], _GRACE_SECONDS)[0]:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _guard(json.loads(sys.argv[1]))
