"""Waits until every task of a cluster can be reached, before TensorFlow starts to wait for them.

TensorFlow waits for a missing peer for ever, inside C++ and holding Python's lock, so nothing in
the process can say which one is missing. Here each task listens on its own port and connects to
all the others, until all have answered or the time is over. Nothing is sent: that a connection
is accepted is the whole message. The port is then free for TensorFlow's own server; a peer that
is still connecting finds either of the two.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator, Mapping

from tftrain.distribute.clusters import Cluster
from tftrain.errors import ClusterError, PeerUnreachable

_PAUSE_SECONDS = 0.1
_ONE_TRY_SECONDS = 2.0


def wait_for_peers(cluster: Cluster, seconds: float = 60.0) -> None:
    """Returns when every other task of the cluster accepts connections.

    Args:
        cluster: Who takes part; this process listens on `cluster.address` meanwhile.
        seconds: The time limit.

    Raises:
        PeerUnreachable: Names every task that did not answer, with its address.
        ClusterError: This process cannot listen on its own port.
    """
    with _listening(cluster):
        missing = unreachable(cluster.peers, seconds)
    if missing:
        raise PeerUnreachable((f"{name} at {host}" for name, host in missing.items()), seconds)


def unreachable(peers: Mapping[str, str], seconds: float) -> dict[str, str]:
    """Those of the peers that accept no connection within the time limit.

    Args:
        peers: `host:port` by name.
        seconds: The time limit for all together; each is tried at least once.
    """
    missing = dict(peers)
    deadline = time.monotonic() + seconds
    while missing:
        missing = {name: host for name, host in missing.items() if not _answers(host, deadline)}
        if time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS if missing else 0)
    return missing


def _answers(address: str, deadline: float) -> bool:
    host, _, port = address.rpartition(":")
    left = max(0.1, deadline - time.monotonic())
    try:
        socket.create_connection(
            (host.strip("[]"), int(port)), timeout=min(_ONE_TRY_SECONDS, left)
        ).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _listening(cluster: Cluster) -> Iterator[None]:
    port = int(cluster.address.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server(
            ("", port),
            family=socket.AF_INET6 if both else socket.AF_INET,
            dualstack_ipv6=both,
            backlog=max(128, len(cluster.peers)),
        )
    except OSError as error:
        raise ClusterError([_cannot_listen(cluster, port, error)]) from error
    with listener:
        yield


def _cannot_listen(cluster: Cluster, port: int, error: OSError) -> str:
    reason = "another process uses it" if error.errno == errno.EADDRINUSE else str(error)
    return (
        f"{cluster.name} cannot listen on port {port} of its address {cluster.address}: {reason}; "
        "choose a free port, or check that no two tasks were given the same index"
    )
